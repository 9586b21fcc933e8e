#include "api/telemetry/families.hpp"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <sstream>
#include <utility>

namespace jangbu::families {

MetricFamily family(MetricType type, std::string_view name, std::string_view help) {
  return {std::string(name), std::string(help), type, {}};
}

prometheus::ClientMetric& add(MetricFamily& family, Labels labels) {
  auto& metric = family.metric.emplace_back();
  metric.label = std::move(labels);
  return metric;
}

void add_count(MetricFamily& family, std::uint64_t value, Labels labels) {
  add(family, std::move(labels)).counter.value = static_cast<double>(value);
}

void add_gauge(MetricFamily& family, double value, Labels labels) {
  add(family, std::move(labels)).gauge.value = value;
}

void add_histogram(MetricFamily& family, const Histogram& histogram, double unit, Labels labels) {
  auto& out = add(family, std::move(labels)).histogram;
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < histogram.bounds().size(); ++i) {
    count += histogram.count(i);
    out.bucket.push_back({count, static_cast<double>(histogram.bounds()[i]) * unit});
  }
  count += histogram.count(histogram.bounds().size());
  out.sample_count = count;
  out.sample_sum = static_cast<double>(histogram.sum()) * unit;
}

bool is_used(const Histogram& histogram) {
  for (std::size_t i = 0; i <= histogram.bounds().size(); ++i)
    if (histogram.count(i) > 0) return true;
  return false;
}

MetricFamily counter(std::string_view name, std::string_view help, std::uint64_t value) {
  auto made = family(MetricType::Counter, name, help);
  add_count(made, value);
  return made;
}

MetricFamily histogram(std::string_view name, std::string_view help, const Histogram& of,
                       double unit) {
  auto made = family(MetricType::Histogram, name, help);
  add_histogram(made, of, unit);
  return made;
}

void append(Families& all, Families more) {
  std::move(more.begin(), more.end(), std::back_inserter(all));
}

std::string to_text(const Families& families) {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return std::move(out).str();
}

}  // namespace jangbu::families
