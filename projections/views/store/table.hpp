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
#include <string>
#include <string_view>
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

  // Fetches what a look-up or a change of this view will need. A table may be far larger than the
  // processor's caches, and it waits for the memory of several views in the time of one.
  void expect(const Key& key) const {
    const auto likely = [](Ref) { return true; };
    if (const Ref ref = by_key_.find(hash_of(bytes_of(key)), likely)) rows_.expect(ref);
  }

  void put(const View& view) {
    write([&](RowOutput& output) { output(view); });
  }

  // Has `write` write a whole row, as put() would that of its view.
  template <class Write>
  void write(const Write& write) {
    output_.clear();
    write(output_);
    put_row(output_.bytes());
  }

  // Has `write` write a row anew, from its beginning and the rest of it: without making a view
  // where only a few bytes change. False if there is none. REQUIRES: the key and the name stay.
  template <class Head, class Write>
  bool rewrite(const Key& key, const Write& write) {
    const Ref ref = find_ref(bytes_of(key));
    if (!ref) return false;
    output_.clear();
    write(Begun<Head>(rows_.at(ref)), output_);
    replace(ref, output_.bytes());
    return true;
  }

  // False if there is none.
  bool erase(const Key& key) {
    const Ref ref = find_ref(bytes_of(key));
    if (ref) change(ref, none);
    return ref != none;
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
    for (const Change& change : journal_)
      if (change.before && !change.in_place()) rows_.forget(change.before);
    clear_journal();
    rows_.compact([this](Ref ref) {
      const std::string_view row = rows_.at(ref);
      if (find_ref(key_in(row)) != ref) return;
      move(ref, rows_.append(row));
      rows_.forget(ref);
    });
  }

  void drop() {
    for (auto change = journal_.rbegin(); change != journal_.rend(); ++change) {
      if (change->in_place()) {
        const std::size_t size = rows_.at(change->after).size();
        rows_.overwrite(change->after, {overwritten_.data() + overwritten_.size() - size, size});
        overwritten_.resize(overwritten_.size() - size);
        continue;
      }
      move(change->after, change->before);
      if (change->after) rows_.forget(change->after);
    }
    clear_journal();
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

  void put_row(std::string_view row) { replace(find_ref(key_in(row)), row); }

  // A row that has no name and keeps its length stays where it is, as most stocks do: no index is
  // touched, and there is no garbage.
  void replace(Ref before, std::string_view row) {
    if (View::named || !before || !rows_.fits(before, row))
      return change(before, rows_.append(row));
    overwritten_ += rows_.at(before);
    rows_.overwrite(before, row);
    journal_.push_back({before, before});
  }

  void change(Ref before, Ref after) {
    move(before, after);
    journal_.push_back({before, after});
  }

  void clear_journal() {
    journal_.clear();
    overwritten_.clear();
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
  struct Change {
    Ref before = none;
    Ref after = none;

    bool in_place() const { return before == after; }
  };
  std::vector<Change> journal_;
  std::string overwritten_;  // rows that were changed in place, as they were, in that order
  RowOutput output_;         // of the row that is written
};

}  // namespace jangbu
