// Makes spdlog's registry before there are threads. libspdlog is not instrumented, so
// ThreadSanitizer does not see the lock under which the first thread that logs makes it. To be
// compiled into tests whose threads log: out of a library it would be left behind.
#include <spdlog/spdlog.h>

namespace {

[[maybe_unused]] const auto* const logger = spdlog::default_logger_raw();

}  // namespace
