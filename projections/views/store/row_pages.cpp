#include "projections/views/store/row_pages.hpp"

#include <cstring>
#include <limits>
#include <utility>

#include "events/errors.hpp"

namespace jangbu {

namespace {

// A length takes one byte if it is below 255, otherwise five, of which the first is 255.
constexpr std::size_t short_length = 255;

std::size_t length_bytes(std::size_t row_bytes) {
  return row_bytes < short_length ? 1 : 1 + sizeof(std::uint32_t);
}

}  // namespace

std::size_t RowPages::units_of(std::size_t row_bytes) {
  return (length_bytes(row_bytes) + row_bytes + unit_bytes - 1) / unit_bytes;
}

RowPages::Ref RowPages::append(std::string_view row) {
  invariant(row.size() <= std::numeric_limits<std::uint32_t>::max(), "a row is below 4 GiB");
  const std::size_t units = units_of(row.size());
  if (tail_ == no_page || pages_[tail_].room - pages_[tail_].used < units) open_page(units);
  Page& page = pages_[tail_];
  std::vector<char>& bytes = page.bytes.change();
  page.data = bytes.data();
  char* to = bytes.data() + page.used * unit_bytes;
  const Ref ref = ref_to(tail_, page.used);
  page.used += units;
  page.live += units;
  const auto length = static_cast<std::uint32_t>(row.size());
  *to = static_cast<char>(std::min<std::size_t>(length, short_length));
  if (length >= short_length) std::memcpy(to + 1, &length, sizeof length);
  std::memcpy(to + length_bytes(length), row.data(), length);
  return ref;
}

std::string_view RowPages::at(Ref ref) const {
  const Page& page = pages_[(ref - 1) / page_units];
  const char* from = page.data + (ref - 1) % page_units * unit_bytes;
  std::uint32_t length = static_cast<unsigned char>(*from);
  if (length == short_length) std::memcpy(&length, from + 1, sizeof length);
  return {from + length_bytes(length), length};
}

void RowPages::expect(Ref ref) const {
  constexpr std::size_t cache_line = 64, most_lines = 4;
  const char* row = pages_[(ref - 1) / page_units].data + (ref - 1) % page_units * unit_bytes;
  for (std::size_t line = 0; line < most_lines; ++line) __builtin_prefetch(row + line * cache_line);
}

void RowPages::overwrite(Ref ref, std::string_view row) {
  Page& page = pages_[(ref - 1) / page_units];
  std::vector<char>& bytes = page.bytes.change();
  page.data = bytes.data();
  char* to = bytes.data() + (ref - 1) % page_units * unit_bytes + length_bytes(row.size());
  std::memcpy(to, row.data(), row.size());
}

void RowPages::forget(Ref ref) {
  const std::size_t number = (ref - 1) / page_units;
  const std::size_t units = units_of(at(ref).size());
  Page& page = pages_[number];
  const bool was_sparse = page.is_sparse();
  page.live -= units;
  forgotten_ += units;
  if (number == tail_) return;
  if (page.live == 0) return free_page(number);
  if (page.is_sparse() && !was_sparse) sparse_.push_back(number);
}

void RowPages::open_page(std::size_t units) {
  if (const std::size_t full = std::exchange(tail_, no_page); full != no_page) {
    if (pages_[full].live == 0)
      free_page(full);
    else if (pages_[full].is_sparse())
      sparse_.push_back(full);
  }
  if (free_.empty()) {
    invariant(pages_.size() < std::numeric_limits<Ref>::max() / page_units,
              "the rows of a table are below 32 GiB");
    free_.push_back(pages_.size());
    pages_.emplace_back();
  }
  tail_ = free_.back();
  free_.pop_back();
  Page& page = pages_[tail_];
  page.room = std::max(units, page_units);
  std::vector<char>& bytes = page.bytes.change();
  bytes.resize(page.room * unit_bytes);
  page.data = bytes.data();
  bytes_ += bytes.size();
}

void RowPages::free_page(std::size_t number) {
  if (emptying_.page == number) emptying_.page = no_page;
  bytes_ -= pages_[number].room * unit_bytes;
  pages_[number] = {};
  free_.push_back(number);
}

// Whether there is a row on a sparse page to look at. A page in the queue may have been freed or
// reused since.
bool RowPages::next_sparse() {
  while (emptying_.page == no_page && !sparse_.empty()) {
    const std::size_t number = sparse_.back();
    sparse_.pop_back();
    if (number != tail_ && pages_[number].is_sparse()) emptying_ = {number, 0};
  }
  return emptying_.page != no_page;
}

}  // namespace jangbu
