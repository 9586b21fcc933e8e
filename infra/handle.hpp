// A C library's object with the function that frees it: `using PgResult = Handle<PGresult,
// PQclear>`. (Seen in Redpanda's ssl_utils.h.)
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
