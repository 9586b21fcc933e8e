// Views by their key, and by their name if they have one, whose changes can be taken back: a turn
// of the writer stages its changes in place, with keep() once its commit is in the log and drop()
// if it is not.
//
// There may be millions of views. So each is kept as a row of bytes (row_archive.hpp) and made
// again when it is asked for, which takes about 100 ns; names are compared in the row itself. A
// copy of a table shares its rows and indexes until one of the two changes them.
//
// A View has a `Key`, which is an Id, and a serialize() that begins with it. If it is `named`,
// there follow an optional time, which frees its name once it is set, and the name.
//
// Threads: as Shared. Complexity: constant; drop() is linear in the changes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "events/values.hpp"
#include "projections/views/store/hash_index.hpp"
#include "projections/views/store/row_archive.hpp"
#include "projections/views/store/row_pages.hpp"

namespace jangbu {

template <class View>
class Table {
 public:
  using Key = typename View::Key;

  std::optional<View> find(const Key& key) const { return view_at(find_ref(bytes_of(key))); }

  std::optional<View> find_by_name(std::string_view name) const requires View::named {
    return view_at(ref_of_name(name));
  }

  // The beginning of a row, decoded, and the rest of it: valid until the table changes. For
  // frequent lookups in rows that may be long.
  template <class Head>
  struct Begun {
    explicit Begun(std::string_view row) : rest(row) { rest(head); }

    RowInput rest;
    Head head;
  };
  // REQUIRES: a Head serialises as the View does, as far as it goes.
  template <class Head>
  std::optional<Begun<Head>> begin(const Key& key) const {
    return begin_at<Head>(find_ref(bytes_of(key)));
  }
  template <class Head>
  std::optional<Begun<Head>> begin_by_name(std::string_view name) const requires View::named {
    return begin_at<Head>(ref_of_name(name));
  }

  void put(const View& view) {
    RowOutput output;
    output(view);
    put_row(output.bytes());
  }

  void erase(const Key& key) {
    if (const Ref ref = find_ref(bytes_of(key))) change(ref, none);
  }

  // Puts a row that for_each_row() gave. Throws std::out_of_range if it is not a row of this View.
  void load(std::string_view row) {
    RowInput input(row);
    View view;
    input(view);
    if (input.left() > 0) throw std::out_of_range("a row is longer than its view");
    put_row(row);
  }

  void keep() {
    for (const auto& [before, after] : journal_)
      if (before) rows_.forget(before);
    journal_.clear();
    rows_.compact([this](Ref ref) {
      const std::string_view row = rows_.at(ref);
      if (find_ref(key_in(row)) != ref) return;
      move(ref, rows_.append(row));
      rows_.forget(ref);
    });
  }

  void drop() {
    for (auto change = journal_.rbegin(); change != journal_.rend(); ++change) {
      move(change->second, change->first);
      if (change->second) rows_.forget(change->second);
    }
    journal_.clear();
  }

  std::size_t size() const { return size_; }

  // Bytes of memory.
  std::size_t row_bytes() const { return rows_.bytes(); }
  std::size_t index_bytes() const { return by_key_.bytes() + by_name_.bytes(); }

  // In no particular order.
  template <class Visit>
  void for_each_row(const Visit& visit) const {
    by_key_.for_each([&](Ref ref) { visit(rows_.at(ref)); });
  }
  template <class Visit>
  void for_each(const Visit& visit) const {
    by_key_.for_each([&](Ref ref) { visit(*view_at(ref)); });
  }

  friend bool operator==(const Table& a, const Table& b) {
    bool equal = a.size() == b.size();
    a.for_each_row([&](std::string_view row) {
      const Ref other = b.find_ref(key_in(row));
      equal = equal && other && b.rows_.at(other) == row;
    });
    return equal;
  }

 private:
  using Ref = HashIndex::Ref;
  static constexpr Ref none = HashIndex::none;

  static std::string_view key_in(std::string_view row) { return row.substr(0, sizeof(Key::bytes)); }

  // Nothing once the name is free again.
  std::optional<std::string_view> name_at(Ref ref) const {
    RowInput input(rows_.at(ref));
    Key key;
    std::optional<Timestamp> ended;
    std::string_view name;
    input(key, ended);
    if (ended) return std::nullopt;
    input.read(name);
    return name;
  }

  Ref find_ref(std::string_view key) const {
    return by_key_.find(hash_of(key), [&](Ref ref) { return key_in(rows_.at(ref)) == key; });
  }

  Ref ref_of_name(std::string_view name) const {
    return by_name_.find(hash_of(name), [&](Ref ref) { return name_at(ref) == name; });
  }

  template <class Head>
  std::optional<Begun<Head>> begin_at(Ref ref) const {
    if (!ref) return std::nullopt;
    return std::optional<Begun<Head>>(std::in_place, rows_.at(ref));
  }

  std::optional<View> view_at(Ref ref) const {
    if (!ref) return std::nullopt;
    RowInput input(rows_.at(ref));
    std::optional<View> view(std::in_place);
    input(*view);
    return view;
  }

  void put_row(std::string_view row) { change(find_ref(key_in(row)), rows_.append(row)); }

  void change(Ref before, Ref after) {
    move(before, after);
    journal_.emplace_back(before, after);
  }

  // Makes the indexes lead to one row in place of the other; either may be none.
  void move(Ref from, Ref to) {
    move_in(by_key_, from ? std::optional(key_in(rows_.at(from))) : std::nullopt, from,
            to ? std::optional(key_in(rows_.at(to))) : std::nullopt, to);
    if constexpr (View::named)
      move_in(by_name_, from ? name_at(from) : std::nullopt, from, to ? name_at(to) : std::nullopt,
              to);
    size_ += to ? 1 : 0;
    size_ -= from ? 1 : 0;
  }

  using Word = std::optional<std::string_view>;
  static void move_in(HashIndex& index, const Word& word, Ref from, const Word& new_word, Ref to) {
    if (word && word == new_word) return index.replace(hash_of(*word), from, to);
    if (word) index.erase(hash_of(*word), from);
    if (new_word) index.insert(hash_of(*new_word), to);
  }

  RowPages rows_;
  HashIndex by_key_;
  HashIndex by_name_;
  std::size_t size_ = 0;
  // Each change in order: the row that was there before it, and the one after.
  std::vector<std::pair<Ref, Ref>> journal_;
};

}  // namespace jangbu
