#include "api/serve/open_log.hpp"

#include "events/errors.hpp"
#include "infra/log.hpp"

namespace jangbu {

std::unique_ptr<JetStreamLog> open_log(const JetStreamOptions& options, bool accept_weak_durability,
                                       std::chrono::seconds wait) {
  auto log = JetStreamLog::connect(options, wait);
  bool refused = false;
  for (const GateFinding& finding : log->inspect()) {
    if (finding.weak_durability && accept_weak_durability) {
      log::warn("accepted by --accept-weak-durability: {}", finding.text);
    } else {
      log::error("{}: {}", to_string(finding.code), finding.text);
      refused = true;
    }
  }
  if (refused) throw Corrupt("the event log is not fit to be appended to, see above");
  return log;
}

}  // namespace jangbu
