// Metric families for the answer to a scrape, built from the counters, histograms and figures that
// the parts keep (events/measures.hpp). Nothing is kept between scrapes.
//
// Threads: plain values.
#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "events/measures.hpp"

namespace jangbu::families {

using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<prometheus::ClientMetric::Label>;
using Families = std::vector<MetricFamily>;

constexpr double seconds_per_ns = 1e-9;

// An empty family, to be filled by the functions below.
MetricFamily family(MetricType type, std::string_view name, std::string_view help);
prometheus::ClientMetric& add(MetricFamily& family, Labels labels);
void add_count(MetricFamily& family, std::uint64_t value, Labels labels = {});
void add_gauge(MetricFamily& family, double value, Labels labels = {});
// `unit`: one unit of the histogram, in the metric's unit.
void add_histogram(MetricFamily& family, const Histogram& histogram, double unit,
                   Labels labels = {});
bool is_used(const Histogram& histogram);

// With one metric, without labels.
MetricFamily counter(std::string_view name, std::string_view help, std::uint64_t value);
MetricFamily histogram(std::string_view name, std::string_view help, const Histogram& of,
                       double unit = 1);
MetricFamily gauge(std::string_view name, std::string_view help, auto value) {
  auto made = family(MetricType::Gauge, name, help);
  add_gauge(made, static_cast<double>(value));
  return made;
}

// 1 for the current state, 0 for the others.
template <class State>
MetricFamily states(std::string_view name, std::string_view help, State is,
                    std::initializer_list<State> all) {
  auto made = family(MetricType::Gauge, name, help);
  for (const State state : all)
    add_gauge(made, state == is ? 1 : 0, {{"state", std::string(to_string(state))}});
  return made;
}

void append(Families& all, Families more);

// In the text format of Prometheus.
std::string to_text(const Families& families);

}  // namespace jangbu::families
