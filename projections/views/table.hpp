// A map that can take back what was changed since the last commit, so that a turn of the writer can
// stage its changes in place: keep() when its commit is in the log, drop() when it is not.
//
// Threads: one at a time. Complexity: as std::unordered_map; drop() is linear in the changes.
#pragma once

#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace jangbu {

template <class Key, class Value>
class Table {
 public:
  // The value of a key, or null. Valid until the key is changed.
  const Value* find(const Key& key) const {
    const auto found = rows_.find(key);
    return found == rows_.end() ? nullptr : &found->second;
  }

  void put(const Key& key, Value value) {
    const auto [row, is_new] = rows_.try_emplace(key, std::move(value));
    if (is_new) {
      journal_.emplace_back(key, std::nullopt);
    } else {
      journal_.emplace_back(key, std::exchange(row->second, std::move(value)));
    }
  }

  void erase(const Key& key) {
    const auto row = rows_.find(key);
    if (row == rows_.end()) return;
    journal_.emplace_back(key, std::move(row->second));
    rows_.erase(row);
  }

  void keep() { journal_.clear(); }

  void drop() {
    for (auto change = journal_.rbegin(); change != journal_.rend(); ++change) {
      auto& [key, before] = *change;
      if (before) {
        rows_.insert_or_assign(key, std::move(*before));
      } else {
        rows_.erase(key);
      }
    }
    journal_.clear();
  }

  std::size_t size() const { return rows_.size(); }
  auto begin() const { return rows_.begin(); }
  auto end() const { return rows_.end(); }

  friend bool operator==(const Table& a, const Table& b) { return a.rows_ == b.rows_; }

 private:
  std::unordered_map<Key, Value> rows_;
  // Each change in order, with what was there before: nothing for a new key.
  std::vector<std::pair<Key, std::optional<Value>>> journal_;
};

}  // namespace jangbu
