// Owns an object of a C library and frees it with the library's function:
// `using PgResult = Handle<PGresult, PQclear>`. (Seen in Redpanda's ssl_utils.h.)
#pragma once

#include <memory>

namespace jangbu {

template <auto free_>
struct Free {
  void operator()(auto* object) const noexcept { free_(object); }
};

template <class T, auto free_>
using Handle = std::unique_ptr<T, Free<free_>>;

}  // namespace jangbu
