#include "api/services/forwarded.hpp"

#include <algorithm>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "api/answers/problem.hpp"
#include "api/answers/problem_types.hpp"
#include "api/answers/problems.hpp"
#include "api/http/body_stream.hpp"
#include "commands/writer.hpp"
#include "infra/log.hpp"

namespace jangbu {

namespace {

Problem other_release() {
  return {.type = problems::not_ready,
          .detail =
              "The active instance does not know this operation, since it is of another release; "
              "nothing was done.",
          .retry_after_s = 1};
}

}  // namespace

ForwardedCommands::ForwardedCommands(const Backend& backend) : backend_(backend) {
  for (const Service* service :
       {&account_service, &product_service, &purchase_service, &delivery_service}) {
    Commands& of = services_.emplace_back(Commands{service->name, {}, {}});
    for (const Endpoint& endpoint : service->endpoints) {
      if (!openapi::is_decided(endpoint.operation.kind)) continue;
      of.router.add(endpoint.operation.method, std::string(endpoint.operation.path),
                    http::Handler());
      of.commands.push_back({endpoint, access::permission_for(endpoint.operation.id)});
    }
  }
}

void ForwardedCommands::serve(std::vector<cluster::Receiver::Received>&& all) const {
  std::optional<Writer::Gathering> together;
  if (backend_.commands) together.emplace(backend_.commands->writer);
  for (auto& [request, exchange] : all) serve(request, exchange);
}

void ForwardedCommands::serve(cluster::ForwardedRequest& request,
                              const http::Exchange& exchange) const {
  try {
    serve_or_throw(request, exchange);
  } catch (const Problem& problem) {
    exchange.respond(problem);
  } catch (const std::exception& bug) {
    log::error("a forwarded command failed: {}", bug.what());
    exchange.respond(http::internal_error());
  }
}

void ForwardedCommands::serve_or_throw(cluster::ForwardedRequest& request,
                                       const http::Exchange& exchange) const {
  if (!backend_.commands) throw takes_no_commands();
  const auto of = std::ranges::find(services_, request.service, &Commands::service);
  if (of == services_.end()) throw other_release();
  const http::Route* route = of->router.find(request.request);
  if (!route) throw other_release();
  const Command& command =
      of->commands[static_cast<std::size_t>(route - of->router.routes().data())];

  const auto grant = std::make_shared<const access::Grant>(
      access::Grant{.asker = asker_of(request), .until = {}, .rate = {}, .withdrawn = {}});
  if (!command.permission.given_to(*grant->asker))
    throw Problem{problems::forbidden, "At the active instance this takes the role " +
                                           access::in_words(command.permission.roles) + "."};
  const Call call{backend_, request.request, exchange, grant, request.row};
  if (const auto* serve = std::get_if<Serve>(&command.endpoint.serve)) return (*serve)(call);
  if (!request.row) throw other_release();
  std::get<ServeStreaming>(command.endpoint.serve)(call, http::BodyStream(nullptr, nullptr));
}

Asker ForwardedCommands::asker_of(cluster::ForwardedRequest& request) const {
  if (request.asker) return std::make_shared<const Principal>(std::move(*request.asker));
  if (backend_.gatekeeper.is_on())
    throw Problem{problems::forbidden,
                  "Access control is on at the active instance, and off at the one that you asked: "
                  "nobody is known to ask."};
  return anyone();
}

}  // namespace jangbu
