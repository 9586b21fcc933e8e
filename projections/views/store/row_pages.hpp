// Rows of bytes, one behind the other on pages, each preceded by its length. A row of another
// length takes a new place, and pages that have become mostly garbage are emptied and freed a
// little at a time.
//
// Memory: at most about twice the live rows, plus a page. A row larger than a page has a page of
// its own.
// Threads: as Shared.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "projections/views/store/shared.hpp"

namespace jangbu {

class RowPages {
 public:
  using Ref = std::uint32_t;  // never 0

  static constexpr std::size_t page_bytes = 64 * 1024;

  // REQUIRES: less than 32 GiB of rows.
  Ref append(std::string_view row);
  // Valid until the next append(), or until the row is forgotten.
  std::string_view at(Ref ref) const;
  // Fetches a row from memory while something else is done.
  void expect(Ref ref) const;
  // Whether this row can take the place of the one at `ref`, and what lets it. The place may move
  // in memory, but not its `ref`.
  bool fits(Ref ref, std::string_view row) const { return at(ref).size() == row.size(); }
  void overwrite(Ref ref, std::string_view row);
  // The row is garbage from now on.
  void forget(Ref ref);

  // Empties sparse pages: calls `move` for the rows on them, which must append() and forget() those
  // that are live. The work is proportional to what was forgotten since the last call.
  template <class Move>
  void compact(const Move& move) {
    std::size_t work = work_per_forgotten * forgotten_;
    while (work > 0 && next_sparse()) {
      const Ref ref = ref_to(emptying_.page, emptying_.unit);
      const std::size_t units = units_of(at(ref).size());
      work -= std::min(work, units);
      emptying_.unit += units;
      if (emptying_.unit == pages_[emptying_.page].used) emptying_.page = no_page;
      move(ref);
    }
    forgotten_ = 0;
  }

  std::size_t bytes() const { return bytes_; }

 private:
  static constexpr std::size_t unit_bytes = 8;
  static constexpr std::size_t page_units = page_bytes / unit_bytes;
  static constexpr std::size_t no_page = ~std::size_t{0};
  // A page is emptied when half of it is garbage, so each forgotten unit costs two units of work.
  // At twice that rate, the number of waiting pages falls.
  static constexpr std::size_t work_per_forgotten = 4;

  struct Page {
    Shared<std::vector<char>> bytes;
    const char* data = nullptr;
    std::size_t room = 0;  // this and the next two in units
    std::size_t used = 0;
    std::size_t live = 0;

    bool is_sparse() const { return live > 0 && 2 * live <= used; }
  };

  // Units of a row including its length.
  static std::size_t units_of(std::size_t row_bytes);
  static Ref ref_to(std::size_t page, std::size_t unit) {
    return static_cast<Ref>(page * page_units + unit + 1);
  }
  void open_page(std::size_t units);
  void free_page(std::size_t number);
  bool next_sparse();

  std::vector<Page> pages_;
  std::vector<std::size_t> free_;    // numbers that no page uses
  std::vector<std::size_t> sparse_;  // pages that were sparse once
  std::size_t tail_ = no_page;       // where rows are appended
  struct {
    std::size_t page = no_page;
    std::size_t unit = 0;
  } emptying_;
  std::size_t forgotten_ = 0;  // units since the last compact()
  std::size_t bytes_ = 0;
};

}  // namespace jangbu
