#include "infra/postgres/values.hpp"

namespace jangbu::pg::detail {

void unexpected_column(const char* what) {
  throw Corrupt(std::string("a column of a PostgreSQL result is not what was selected: ") + what);
}

}  // namespace jangbu::pg::detail
