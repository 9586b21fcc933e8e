#include "tests/openapi/services.hpp"

#include "api/services/backend.hpp"
#include "api/services/operations_service.hpp"
#include "api/streams/delivery_feed.hpp"
#include "api/streams/event_feed.hpp"
#include "api/streams/log_feed.hpp"
#include "infra/eventlog/memory_log.hpp"
#include "infra/ids.hpp"

namespace jangbu::test {

void for_each_service(const std::function<void(const Service&)>& look) {
  MemoryLog log;
  Writer writer(log, {.now = system_now, .new_commit_id = new_id<CommitId>}, {});
  LogLookup log_lookup(log);
  LogSearch log_search(log);
  ReadModels read_models({.conninfo = "host=/nowhere"});
  const Quotes quotes("a secret of a test");
  Importer importer(writer, log_lookup);
  EventFeed delivery_feed(log, delivery_changes({}), {});
  EventFeed log_feed(log, all_events({}), {});
  const CommandSide commands{writer, log_lookup, quotes, importer};
  const Backend backend{&commands, read_models, delivery_feed};
  for (const auto make : {account_service, product_service, purchase_service, delivery_service})
    look(make(backend));
  const Metrics metrics({&writer, nullptr, read_models, nullptr, delivery_feed, log_feed, nullptr});
  RebuildJobs rebuilds(log, "host=/nowhere");
  LoadJobs loads({}, true);
  const Console console("/nowhere", {});
  look(operations_service({&writer, read_models, nullptr, log_search, rebuilds, loads, metrics,
                           [] { return std::string(); }, log_feed, console}));
}

}  // namespace jangbu::test
