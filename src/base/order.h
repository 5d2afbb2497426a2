// Sorting that keeps equal things in the order they had. std::stable_sort cannot be used: in g++
// 12's library it needs a function that clang 19 reports as deprecated.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

namespace cleave {

// `key` is a projection: a member or a function of one item.
template <typename T, typename Key>
void sort_keeping_order(std::vector<T>& items, Key key) {
  using Value = std::decay_t<std::invoke_result_t<Key&, const T&>>;
  std::vector<std::pair<Value, std::size_t>> order;
  order.reserve(items.size());
  for (const T& item : items) order.emplace_back(std::invoke(key, item), order.size());
  std::ranges::sort(order);
  std::vector<T> sorted;
  sorted.reserve(items.size());
  for (const auto& [value, place] : order) sorted.push_back(std::move(items[place]));
  items = std::move(sorted);
}

}  // namespace cleave
