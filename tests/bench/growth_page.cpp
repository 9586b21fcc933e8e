#include "tests/bench/growth_page.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <iomanip>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/bench/report.hpp"

namespace jangbu::bench {

using Json = nlohmann::ordered_json;

namespace {

// At each size, where it was measured.
using Values = std::vector<std::optional<double>>;

struct Curve {
  std::string name;
  Values values;
};

struct Chart {
  std::string name;
  std::string unit;
  std::vector<Curve> curves;
};

struct Section {
  std::string name;
  std::vector<Chart> charts;

  // Small charts of the same kind, which share their axes and a legend.
  bool is_uniform() const {
    return charts.size() > 1 && std::ranges::all_of(charts, [&](const Chart& chart) {
             return chart.unit == charts[0].unit &&
                    std::ranges::equal(chart.curves, charts[0].curves, {}, &Curve::name,
                                       &Curve::name);
           });
  }
};

struct Growth {
  std::vector<double> sizes;
  std::vector<Section> sections;
};

template <class Named>
Named& named(std::vector<Named>& all, const std::string& name) {
  const auto found = std::ranges::find(all, name, &Named::name);
  if (found != all.end()) return *found;
  all.emplace_back().name = name;
  return all.back();
}

Growth read(const Json& result) {
  Growth growth;
  const auto& sizes = result.at("sizes");
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    growth.sizes.push_back(sizes[i].at("events"));
    for (const Json& figure : sizes[i].at("figures")) {
      Section& section = named(growth.sections, figure.at("section"));
      Chart& chart = named(section.charts, figure.at("chart"));
      chart.unit = figure.at("unit");
      Curve& curve = named(chart.curves, figure.at("curve"));
      curve.values.resize(sizes.size());
      curve.values[i] = figure.at("value");
    }
  }
  return growth;
}

// How many times as much at the last size as at the first.
std::optional<double> growth_of(const Curve& curve) {
  const auto &first = curve.values.front(), &last = curve.values.back();
  if (curve.values.size() < 2 || !first || !last || *first <= 0) return std::nullopt;
  return *last / *first;
}

// With three digits that count, or more.
std::string figure(double value) {
  if (value == 0) return "0";
  if (value >= 1000) return grouped(value);
  return with_decimals(value, value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3);
}

std::string figure(const std::optional<double>& value) {
  return value ? figure(*value) : "";
}

std::string times(const std::optional<double>& value) {
  return value ? with_decimals(*value, *value < 10 ? 2 : 0) + "\u00d7" : "";
}

// On an axis: 0.2, 5, 1,000.
std::string tick(double value) {
  if (value >= 1) return grouped(value);
  const std::string text = with_decimals(value, 6);
  return text.substr(0, text.find_last_not_of('0') + 1);
}

std::string size_name(double events) {
  const auto trimmed = [](double value) {
    const std::string text = with_decimals(value, 1);
    return text.ends_with(".0") ? text.substr(0, text.size() - 2) : text;
  };
  return events >= 950'000 ? trimmed(events / 1e6) + " M" : trimmed(events / 1e3) + " k";
}

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '&')
      result += "&amp;";
    else if (c == '<')
      result += "&lt;";
    else if (c == '"')
      result += "&quot;";
    else
      result += c;
  }
  return result;
}

// --- Curves --------------------------------------------------------------------------------------

// From a decade to a decade.
struct Range {
  double low = 0;
  double high = 1;

  double share(double value) const {
    const double at = value <= 0 ? low : std::clamp(std::log10(value), low, high);
    return (at - low) / (high - low);
  }
};

Range range_of(const std::vector<Chart>& charts, const std::string& unit) {
  double least = 0, most = 0;
  for (const Chart& chart : charts)
    for (const Curve& curve : chart.curves)
      for (const auto& value : curve.values)
        if (chart.unit == unit && value && *value > 0) {
          least = least == 0 ? *value : std::min(least, *value);
          most = std::max(most, *value);
        }
  if (most == 0) return {};
  const double low = std::floor(std::log10(least)), high = std::ceil(std::log10(most));
  return {low, std::max(high, low + 1)};
}

constexpr double width = 330, height = 210, left = 58, right = 16, top = 12, bottom = 30;
constexpr std::size_t styles = 4;  // of curves, in the style sheet and marker()

std::string number(double value) {
  return with_decimals(value, 1);
}

std::string text_at(double x, double y, std::string_view anchor, const std::string& text) {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" +
         std::string(anchor) + "\">" + escaped(text) + "</text>";
}

std::string line_at(double x1, double y1, double x2, double y2) {
  return "<line x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" + number(x2) +
         "\" y2=\"" + number(y2) + "\"/>";
}

// The curves differ in shape, too, for those who do not see colours.
std::string marker(std::size_t style, double x, double y, const std::string& title) {
  const std::string points[] = {"", "-4,-4 4,-4 4,4 -4,4", "0,-5 4.5,3.5 -4.5,3.5",
                                "0,-5.5 5,0 0,5.5 -5,0"};
  const std::string shape =
      style == 0 ? "<circle r=\"4\">" : "<polygon points=\"" + points[style] + "\">";
  return "<g transform=\"translate(" + number(x) + " " + number(y) + ")\" class=\"c" +
         std::to_string(style) + "\">" + shape + "<title>" + escaped(title) + "</title></" +
         (style == 0 ? "circle" : "polygon") + "></g>";
}

std::string svg(const Section& section, const Chart& chart, const std::vector<double>& sizes) {
  const Range y_range = range_of(section.charts, chart.unit);
  const auto [first, last] = std::ranges::minmax_element(sizes);
  Range x_range{std::floor(std::log10(*first) + 0.05), std::ceil(std::log10(*last) - 0.05)};
  if (x_range.high <= x_range.low) x_range.high = x_range.low + 1;
  const auto x_at = [&](double events) {
    return left + x_range.share(events) * (width - left - right);
  };
  const auto y_at = [&](double value) {
    return height - bottom - y_range.share(value) * (height - top - bottom);
  };
  std::string title = section.name + ": " + chart.name + ", in " + chart.unit;
  for (const Curve& curve : chart.curves) {
    title += "; " + (curve.name.empty() ? "" : curve.name + ": ");
    for (std::size_t i = 0; i < sizes.size(); ++i)
      if (curve.values[i])
        title += " " + figure(*curve.values[i]) + " at " + size_name(sizes[i]) + " events";
  }
  std::ostringstream out;
  out << "<svg viewBox=\"0 0 " << width << ' ' << height << "\" role=\"img\" aria-label=\""
      << escaped(title) << "\">\n<g class=\"grid\">";
  // Between few decades there is room for more lines.
  const bool fine = y_range.high - y_range.low <= 2;
  for (double decade = y_range.low; decade <= y_range.high; ++decade)
    for (const double part : {1.0, 2.0, 5.0}) {
      const double value = part * std::pow(10, decade);
      if (part > 1 && (!fine || decade == y_range.high)) continue;
      out << line_at(left, y_at(value), width - right, y_at(value))
          << text_at(left - 6, y_at(value) + 4, "end", tick(value));
    }
  for (double decade = x_range.low; decade <= x_range.high; ++decade) {
    const double x = x_at(std::pow(10, decade));
    out << line_at(x, top, x, height - bottom)
        << text_at(x, height - bottom + 17, "middle", size_name(std::pow(10, decade)));
  }
  out << "</g>\n";
  for (std::size_t c = 0; c < chart.curves.size(); ++c) {
    const Curve& curve = chart.curves[c];
    const std::size_t style = c % styles;
    std::string points, markers;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      if (!curve.values[i]) continue;
      const double x = x_at(sizes[i]), y = y_at(*curve.values[i]);
      points += number(x) + "," + number(y) + " ";
      markers += marker(style, x, y,
                        curve.name + " " + figure(*curve.values[i]) + " " + chart.unit + " at " +
                            grouped(sizes[i]) + " events");
    }
    out << "<polyline class=\"c" << style << "\" points=\"" << points << "\"/>" << markers << '\n';
  }
  out << "</svg>";
  return out.str();
}

std::string legend(const Chart& chart) {
  if (chart.curves.size() == 1 && chart.curves[0].name.empty()) return {};
  std::string text = "<p class=\"legend\">";
  for (std::size_t c = 0; c < chart.curves.size(); ++c)
    text += "<span><svg viewBox=\"-8 -8 16 16\" aria-hidden=\"true\">" +
            marker(c % styles, 0, 0, "") + "</svg>" + escaped(chart.curves[c].name) + "</span>";
  return text + "</p>";
}

// --- Tables --------------------------------------------------------------------------------------

// `flat`: it should be.
std::string cells(const Curve& curve, bool flat) {
  std::string text;
  for (const auto& value : curve.values) text += "<td>" + figure(value) + "</td>";
  const auto grown = growth_of(curve);
  return text + (flat && grown && *grown > 2 ? "<td class=\"more\">" : "<td>") + times(grown) +
         "</td>";
}

// Rows of charts, with their curves side by side, or, where charts differ, rows of curves.
std::string table(const Section& section, const std::vector<double>& sizes) {
  std::string names, text = "<div class=\"wide\"><table>";
  for (const double size : sizes) names += "<th scope=\"col\">" + size_name(size) + "</th>";
  names += "<th scope=\"col\">last/first</th>";
  if (section.is_uniform()) {
    const auto& curves = section.charts[0].curves;
    text += "<tr><th>" + section.charts[0].unit + "</th>";
    for (const Curve& curve : curves)
      text += "<th scope=\"colgroup\" colspan=\"" + std::to_string(sizes.size() + 1) + "\">" +
              escaped(curve.name) + "</th>";
    text += "</tr><tr><th>events in the log</th>";
    for (std::size_t c = 0; c < curves.size(); ++c) text += names;
    text += "</tr>\n";
    for (const Chart& chart : section.charts) {
      text += "<tr><th scope=\"row\">" + escaped(chart.name) + "</th>";
      for (const Curve& curve : chart.curves) text += cells(curve, true);
      text += "</tr>\n";
    }
  } else {
    text += "<tr><th>events in the log</th>" + names + "</tr>\n";
    for (const Chart& chart : section.charts)
      for (const Curve& curve : chart.curves)
        text += "<tr><th scope=\"row\">" +
                escaped(chart.name + (curve.name.empty() ? "" : ", " + curve.name) + ", " +
                        chart.unit) +
                "</th>" + cells(curve, false) + "</tr>\n";
  }
  return text + "</table></div>\n";
}

// Kinds of lists that take more than twice as long at the last size as at the first.
struct Verdict {
  std::size_t lists = 0;
  std::vector<std::string> grown;
};

Verdict verdict(const Growth& growth, const std::string& percentile) {
  Verdict result;
  for (const Section& section : growth.sections)
    for (const Chart& chart : section.charts)
      for (const Curve& curve : chart.curves) {
        const auto grown = growth_of(curve);
        if (!section.is_uniform() || curve.name != percentile || !grown) continue;
        ++result.lists;
        if (*grown > 2)
          result.grown.push_back(section.name + ", " + chart.name + ": " + times(grown));
      }
  return result;
}

std::string in_words(const Verdict& verdict, const std::string& percentile, const Growth& growth) {
  return percentile + " from " + grouped(growth.sizes.front()) + " to " +
         grouped(growth.sizes.back()) + " events: more than twice as long for " +
         std::to_string(verdict.grown.size()) + " of " + std::to_string(verdict.lists) +
         " kinds of lists";
}

constexpr std::string_view style = R"(
:root { color-scheme: light dark; --paper: #fffdf8; --ink: #23262b; --faint: #6a675f;
  --rule: #e3dccb; --c0: #22518f; --c1: #b3372b; --c2: #2c6e49; --c3: #8a5600;
  font: 15px/1.45 system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { :root { --paper: #15171a; --ink: #e7e4dc; --faint: #a09b90;
  --rule: #33373d; --c0: #8db8f2; --c1: #f08a7c; --c2: #7fcf9e; --c3: #e3b25c; } }
body { margin: 0 auto; padding: 1em 1.5em 3em; max-width: 1180px; background: var(--paper);
  color: var(--ink); }
h1 { font-size: 1.6em; margin-bottom: 0; } h2 { margin: 2em 0 0.3em; font-size: 1.2em; }
code { overflow-wrap: anywhere; } .faint { color: var(--faint); }
.charts { display: grid; gap: 1em; grid-template-columns: repeat(auto-fill, minmax(260px, 1fr));
  align-items: end; }
figure { margin: 0; } figcaption { font-weight: 600; font-size: 0.93em; }
.grid line { stroke: var(--rule); } .grid text { fill: var(--faint); font-size: 11px; }
polyline { fill: none; stroke-width: 2; }
.c0 { fill: var(--c0); stroke: var(--c0); } .c1 { fill: var(--c1); stroke: var(--c1); }
.c2 { fill: var(--c2); stroke: var(--c2); } .c3 { fill: var(--c3); stroke: var(--c3); }
polyline.c0, polyline.c1, polyline.c2, polyline.c3 { fill: none; }
.legend { margin: 0.2em 0; } .legend span { margin-right: 1.2em; white-space: nowrap; }
.legend svg { width: 14px; height: 14px; vertical-align: -2px; margin-right: 4px; }
.wide { overflow-x: auto; margin-top: 1em; }
table { border-collapse: collapse; font-size: 0.87em; font-variant-numeric: tabular-nums; }
th, td { padding: 0.15em 0.7em; border-bottom: 1px solid var(--rule); text-align: right;
  white-space: nowrap; }
th { font-weight: 500; } th:first-child { text-align: left; } th[colspan] { text-align: center; }
.more { font-weight: 700; color: var(--c1); }
)";

}  // namespace

std::string growth_page(const Json& result) {
  const Growth growth = read(result);
  const Json& machine = result.at("machine");
  std::ostringstream out;
  out << "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width\">\n"
         "<title>Jangbu: what growth costs</title>\n<style>"
      << style << "</style>\n</head>\n<body>\n<h1>What growth costs</h1>\n<p class=\"faint\">"
      << escaped(result.at("date").get<std::string>()) << ", "
      << machine.at("processors").get<int>() << " processors ("
      << escaped(machine.at("model").get<std::string>()) << "), "
      << escaped(machine.at("kernel").get<std::string>()) << ", "
      << machine.at("fileSystem").get<std::string>() << ", 4 KiB written and fdatasync'd in "
      << figure(machine.at("syncP50Ms").get<double>()) << " ms, load average before "
      << with_decimals(machine.at("loadAverageBefore"), 2) << ";";
  const char* separator = " ";
  for (const auto& [name, version] : result.at("versions").items())
    out << std::exchange(separator, ", ") << escaped(name) << ' '
        << escaped(version.get<std::string>());
  out << "<br>\n<code>" << escaped(result.at("command").get<std::string>()) << "</code></p>\n<p>";
  bool dropped = false;
  for (const Json& size : result.at("sizes")) {
    out << grouped(size.at("events")) << " events (" << grouped(size.at("purchases"))
        << " purchases, " << grouped(size.at("commits")) << " commits)"
        << (&size == &result.at("sizes").back() ? ". " : ", ");
    dropped = dropped || size.at("pageCacheDropped");
  }
  out << "Both axes are logarithmic; across are the events in the log. Lists are asked over 4 "
         "connections, one kind at a time; &lsquo;first after a restart&rsquo; is one answer, "
         "right after PostgreSQL was restarted"
      << (dropped ? " and the kernel&rsquo;s page cache dropped" : "") << ".</p>\n";
  for (const char* percentile : {"p50", "p99"}) {
    const Verdict found = verdict(growth, percentile);
    if (found.lists == 0) continue;
    out << "<details><summary>" << escaped(in_words(found, percentile, growth)) << "</summary><ul>";
    for (const std::string& list : found.grown) out << "<li>" << escaped(list) << "</li>";
    out << "</ul></details>\n";
  }
  for (const Section& section : growth.sections) {
    out << "<section>\n<h2>" << escaped(section.name) << "</h2>\n";
    if (section.is_uniform()) out << legend(section.charts[0]);
    out << "<div class=\"charts\">\n";
    for (const Chart& chart : section.charts)
      out << "<figure><figcaption>" << escaped(chart.name) << ", " << escaped(chart.unit)
          << "</figcaption>" << (section.is_uniform() ? "" : legend(chart))
          << svg(section, chart, growth.sizes) << "</figure>\n";
    out << "</div>\n" << table(section, growth.sizes) << "</section>\n";
  }
  out << "</body>\n</html>\n";
  return out.str();
}

std::string growth_text(const Json& result) {
  const Growth growth = read(result);
  std::ostringstream out;
  const auto row = [&](const std::string& name, const std::vector<std::string>& values) {
    out << std::left << std::setw(64) << name << std::right;
    for (const std::string& value : values) out << std::setw(13) << value;
    out << '\n';
  };
  std::vector<std::string> heading;
  for (const double size : growth.sizes) heading.push_back(grouped(size));
  heading.push_back("last/first");
  for (const Section& section : growth.sections) {
    out << '\n';
    row(section.name, heading);
    for (const Chart& chart : section.charts)
      for (const Curve& curve : chart.curves) {
        std::vector<std::string> values;
        for (const auto& value : curve.values) values.push_back(figure(value));
        const auto grown = growth_of(curve);
        values.push_back(grown ? with_decimals(*grown, 2) : "");
        row("  " + chart.name + (curve.name.empty() ? "" : ", " + curve.name) + ", " + chart.unit,
            values);
      }
  }
  for (const char* percentile : {"p50", "p99"}) {
    const Verdict found = verdict(growth, percentile);
    if (found.lists == 0) continue;
    out << '\n' << in_words(found, percentile, growth) << '\n';
    for (const std::string& list : found.grown) out << "  " << list << '\n';
  }
  for (const Json& size : result.at("sizes"))
    if (size.at("wrongAnswers") != 0)
      out << "*** " << size.at("wrongAnswers") << " WRONG ANSWERS at " << size.at("events")
          << " events ***\n";
  return out.str();
}

}  // namespace jangbu::bench
