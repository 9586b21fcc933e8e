#include "tests/bench/report.hpp"

#include <algorithm>
#include <iomanip>
#include <ostream>
#include <sstream>
#include <utility>

namespace jangbu::bench {

using Json = nlohmann::ordered_json;

namespace {

void put(std::ostream& out, const std::string& text, int width) {
  out << std::setw(width) << text;
}

void put_speed(std::ostream& out, const Speed& speed) {
  const Series& rate = speed.per_second;
  put(out, grouped(rate.median()), 10);
  put(out, "(" + grouped(rate.least()) + "-" + grouped(rate.most()) + ")", 17);
  put(out, with_decimals(speed.p50_ms.median(), 2), 8);
  put(out, with_decimals(speed.p99_ms.median(), 2), 8);
}

void put_key(std::ostream& out, bool projector, bool hot, std::size_t connections) {
  put(out, projector ? "on" : "off", 9);
  put(out, hot ? "one" : "all", 10);
  put(out, std::to_string(connections), 7);
}

void put_key(std::ostream& out, const Cell& cell) {
  put_key(out, cell.projector, cell.hot, cell.connections);
}

void put_heading(std::ostream& out, const char* rest) {
  out << "\nprojector  products  conns" << rest << '\n';
}

constexpr SqlJob jobs[] = {SqlJob::state, SqlJob::read_models};

const char* name_of(SqlJob job) {
  return job == SqlJob::state ? "state" : "readModels";
}

Json to_json(const Speed& speed) {
  return {{"perSecond", to_json(speed.per_second)},
          {"p50Ms", to_json(speed.p50_ms)},
          {"p99Ms", to_json(speed.p99_ms)}};
}

Json to_json(const Report& report, const Cell& cell) {
  Json json{{"projector", cell.projector},
            {"products", cell.hot ? "one" : "all"},
            {"connections", cell.connections},
            {"jangbu", to_json(cell.jangbu)},
            {"purchasesPerCommit", to_json(cell.purchases_per_commit)},
            {"othersShareOfProcessors", to_json(cell.others)}};
  for (const auto& [program, series] : cell.cpu_us)
    json["cpuMicrosecondsPerPurchase"][program] = to_json(series);
  if (!cell.wal_bytes.empty()) json["walBytesPerPurchase"] = to_json(cell.wal_bytes);
  if (!cell.behind_s.empty()) json["readModelsBehindSeconds"] = to_json(cell.behind_s);
  for (const SqlJob job : jobs)
    if (const auto times = report.times(cell, job)) json["timesPgbench"][name_of(job)] = *times;
  return json;
}

Json to_json(const SqlCell& cell) {
  return {{"projector", cell.projector},
          {"products", cell.hot ? "one" : "all"},
          {"job", name_of(cell.job)},
          {"clients", cell.clients},
          {"pgbench", to_json(cell.speed)}};
}

Json to_json(const BenchShop::Audit& audit) {
  Json others = Json::object();
  for (const auto& [status, count] : audit.other_answers) others[std::to_string(status)] = count;
  return {{"answered201", audit.answered_201}, {"otherAnswers", others},
          {"recorded", audit.recorded},        {"commits", audit.commits},
          {"wrongStocks", audit.wrong_stocks}, {"good", audit.good()}};
}

std::string in_words(const BenchShop::Audit& audit) {
  std::string text = grouped(static_cast<double>(audit.answered_201)) + " answers 201, " +
                     grouped(static_cast<double>(audit.recorded)) + " purchases in the log (" +
                     grouped(static_cast<double>(audit.commits)) + " commits)";
  for (const auto& [status, count] : audit.other_answers)
    text += ", " + std::to_string(count) + " answers " + std::to_string(status);
  text += audit.wrong_stocks == 0
              ? ", stock conserved"
              : ", " + std::to_string(audit.wrong_stocks) + " PRODUCTS WITH A WRONG STOCK";
  return text + (audit.good() ? "" : "  *** NOT AS IT SHOULD BE ***");
}

}  // namespace

double Series::median() const {
  auto sorted = values_;
  std::ranges::sort(sorted);
  const std::size_t half = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

double Series::least() const {
  return *std::ranges::min_element(values_);
}

double Series::most() const {
  return *std::ranges::max_element(values_);
}

std::string grouped(double value) {
  std::string digits = std::to_string(static_cast<long long>(value + 0.5));
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

std::string with_decimals(double value, int decimals) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(decimals) << value;
  return text.str();
}

Json to_json(const Series& series) {
  return {{"median", series.median()}, {"min", series.least()}, {"max", series.most()}};
}

Json to_json(const Machine& machine) {
  return {{"processors", machine.processors},
          {"model", machine.model},
          {"kernel", machine.kernel},
          {"fileSystem", machine.file_system},
          {"syncP50Ms", machine.sync_p50_ms},
          {"syncP99Ms", machine.sync_p99_ms},
          {"loadAverageBefore", machine.load_average}};
}

void print(const Machine& machine, const std::map<std::string, std::string>& versions,
           std::ostream& out) {
  out << machine.processors << " processors (" << machine.model << "), " << machine.kernel << ", "
      << machine.file_system << '\n'
      << "write + fdatasync of 4 KiB: p50 " << with_decimals(machine.sync_p50_ms, 2) << " ms, p99 "
      << with_decimals(machine.sync_p99_ms, 2)
      << " ms; load average before: " << with_decimals(machine.load_average, 2) << '\n';
  const char* separator = "";
  for (const auto& [name, version] : versions)
    out << std::exchange(separator, ", ") << name << ' ' << version;
  out << '\n';
}

void Speed::add(const Measured& measured) {
  per_second.add(measured.per_second());
  p50_ms.add(measured.percentile_ms(0.5));
  p99_ms.add(measured.percentile_ms(0.99));
}

bool Report::good() const {
  return std::ranges::all_of(audits, [](const auto& audit) { return audit.second.good(); });
}

std::optional<double> Report::times(const Cell& cell, SqlJob job) const {
  double best = 0;
  for (const SqlCell& other : sql)
    if (other.projector == cell.projector && other.hot == cell.hot && other.job == job)
      best = std::max(best, other.speed.per_second.median());
  if (best == 0) return std::nullopt;
  return cell.jangbu.per_second.median() / best;
}

void print(const Report& report, std::ostream& out) {
  out << "Purchases over HTTP, each fsync'd before its answer, beside the same job as one SQL "
         "transaction (pgbench)\n\n";
  print(report.machine, report.versions, out);
  out << report.accounts << " accounts, " << report.products << " products; "
      << (report.keys ? "an idempotency key each; " : "") << report.repetitions << " rounds of "
      << report.seconds
      << " s each, in turn: median (least-most) of the rates, medians of the percentiles\n";

  put_heading(out,
              "  |  jangbu /s                    p50 ms  p99 ms  | times SQL at its best: state  "
              "read models");
  for (const Cell& cell : report.cells) {
    put_key(out, cell);
    out << "  | ";
    put_speed(out, cell.jangbu);
    out << "  | ";
    for (const SqlJob job : jobs)
      if (const auto times = report.times(cell, job))
        put(out, with_decimals(*times, 1), job == SqlJob::state ? 28 : 13);
    out << '\n';
  }

  if (!report.sql.empty())
    put_heading(out, "  |  job         pgbench /s                    p50 ms  p99 ms");
  for (const SqlCell& cell : report.sql) {
    put_key(out, cell.projector, cell.hot, cell.clients);
    out << "  |  " << std::left << std::setw(11) << name_of(cell.job) << std::right;
    put_speed(out, cell.speed);
    out << '\n';
  }

  out << "\nProcessor time a purchase, in microseconds, by program; others: the share of the "
         "processors that programs of others used\n";
  put_heading(out, "");
  for (const Cell& cell : report.cells) {
    put_key(out, cell);
    out << "  | ";
    put(out, with_decimals(cell.purchases_per_commit.median(), 1), 6);
    out << " a commit";
    for (const auto& [program, series] : cell.cpu_us)
      out << "  " << program << ' ' << with_decimals(series.median(), 1);
    if (!cell.wal_bytes.empty())
      out << "  WAL " << with_decimals(cell.wal_bytes.median(), 0) << " bytes";
    if (!cell.behind_s.empty())
      out << "  read models " << with_decimals(cell.behind_s.median(), 1) << " s behind";
    out << "  others " << with_decimals(100 * cell.others.median(), 0) << " %\n";
  }

  out << '\n';
  for (const auto& [projector, audit] : report.audits)
    out << "projector " << projector << ": " << in_words(audit) << '\n';
}

nlohmann::ordered_json to_json(const Report& report) {
  Json json{{"machine", to_json(report.machine)},
            {"versions", report.versions},
            {"repetitions", report.repetitions},
            {"seconds", report.seconds},
            {"keys", report.keys},
            {"accounts", report.accounts},
            {"products", report.products},
            {"results", Json::array()}};
  for (const Cell& cell : report.cells) json["results"].push_back(to_json(report, cell));
  for (const SqlCell& cell : report.sql) json["sql"].push_back(to_json(cell));
  for (const auto& [projector, audit] : report.audits) json["audits"][projector] = to_json(audit);
  return json;
}

}  // namespace jangbu::bench
