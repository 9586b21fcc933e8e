#include "tests/tidy/checks.hpp"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <regex>
#include <string_view>
#include <utility>

namespace jangbu::tidy {

namespace {

bool is_within(std::string_view path, std::string_view folder) {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

// The rooms from the inside to the outside (a room in another one first), and what each may include
// beside itself.
const std::vector<std::pair<std::string, std::set<std::string>>>& rooms() {
  using Names = std::set<std::string>;
  static const auto all = [] {
    std::vector<std::pair<std::string, Names>> list{
        {"events", {}},
        {"projections/views", {"events"}},
        {"infra/eventlog", {"events", "infra"}},
        {"infra/postgres", {"events", "infra"}},
        {"infra", {"events"}},
        {"commands", {"events", "projections/views", "infra"}},
        {"projections/tables", {"events", "infra", "infra/postgres"}},
        {"projections/writing", {"events", "infra", "infra/postgres", "projections/tables"}},
        {"projections/queries",
         {"events", "infra", "infra/postgres", "projections/tables", "projections/views",
          "projections/writing"}},
        {"api/http", {"events", "infra"}},
    };
    // What all of api/ that knows the shop may use.
    Names shop;
    for (const auto& [room, others] : list) shop.insert(room);
    const auto add = [&](const std::string& room, Names others) {
      others.insert(shop.begin(), shop.end());
      list.emplace_back("api/" + room, std::move(others));
    };
    add("answers", {});
    add("requests", {"api/answers"});
    add("openapi", {"api/answers", "api/requests"});
    add("access", {"api/answers"});
    add("cluster", {"api/access", "api/answers"});
    add("publishing", {"api/answers", "api/openapi"});
    add("pages", {"api/answers", "api/openapi"});
    add("log", {});
    add("client", {});
    add("load", {"api/client"});
    add("streams", {"api/answers"});
    add("jobs", {"api/answers", "api/cluster", "api/load", "api/log", "api/requests"});
    add("webhooks", {"api/answers", "api/log", "api/publishing"});
    add("telemetry", {"api/access", "api/answers", "api/cluster", "api/jobs", "api/publishing",
                      "api/streams", "api/webhooks"});
    add("services", {"api/access", "api/answers", "api/cluster", "api/jobs", "api/load", "api/log",
                     "api/openapi", "api/pages", "api/publishing", "api/requests", "api/streams",
                     "api/telemetry", "api/webhooks"});
    add("serve",
        {"api/access", "api/answers", "api/cluster", "api/jobs", "api/load", "api/log", "api/pages",
         "api/publishing", "api/services", "api/streams", "api/telemetry", "api/webhooks"});
    add("cli", {"api/access", "api/answers", "api/client", "api/load", "api/log", "api/publishing",
                "api/serve", "api/telemetry", "api/webhooks"});
    add("main.cpp", {"api/cli"});
    Names everything;
    for (const auto& [room, others] : list) everything.insert(room);
    list.emplace_back("tests", std::move(everything));
    return list;
  }();
  return all;
}

std::string room_of(std::string_view path) {
  for (const auto& [room, others] : rooms())
    if (path == room || is_within(path, room)) return room;
  return {};
}

bool is_domain(const std::string& path) {
  const std::string room = room_of(path);
  return room == "events" || room == "projections/views" || room == "commands";
}

bool is_writer(const std::string& path) {
  return path == "commands/writer.hpp" || path == "commands/writer.cpp";
}

// It logs, and has what a thread reads ahead handed to it; but it reads no clock.
bool is_machine(const std::string& path) {
  return path == "commands/writer_machine.hpp" || path == "commands/writer_machine.cpp";
}

std::size_t line_of(const std::string& text, std::ptrdiff_t at) {
  return 1 + static_cast<std::size_t>(std::count(text.begin(), text.begin() + at, '\n'));
}

// What the pattern matches in the text, with the line of each.
template <class Visit>
void for_each_match(const std::string& text, const std::regex& pattern, Visit visit) {
  for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end; ++match)
    visit(*match, line_of(text, match->position()));
}

// A complaint for each match, which it quotes.
std::vector<Complaint> complain(const Source& source, const std::string& text,
                                const std::regex& pattern, const std::string& what) {
  std::vector<Complaint> complaints;
  for_each_match(text, pattern, [&](const std::smatch& match, std::size_t line) {
    complaints.push_back({source.path, line, what + ": " + match.str()});
  });
  return complaints;
}

void append(std::vector<Complaint>& all, std::vector<Complaint> more) {
  std::move(more.begin(), more.end(), std::back_inserter(all));
}

// The place behind the next `end`, from `at` on; the end of the text when there is none.
std::size_t behind(const std::string& text, const std::string& end, std::size_t at) {
  const std::size_t found = text.find(end, at);
  return found == text.npos ? text.size() : found + end.size();
}

// The place behind the literal whose quote is at `at`.
std::size_t behind_literal(const std::string& text, std::size_t at) {
  const char quote = text[at++];
  while (at < text.size() && text[at] != quote) at += text[at] == '\\' ? 2 : 1;
  return std::min(at + 1, text.size());
}

}  // namespace

std::string blank_comments(const std::string& text, Literals literals) {
  std::string blanked = text;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const bool in_word = at > 0 && (std::isalnum(static_cast<unsigned char>(text[at - 1])) != 0);
    bool is_blanked = true;
    if (text.compare(at, 2, "//") == 0) {
      at = std::min(text.find('\n', at), text.size());
    } else if (text.compare(at, 2, "/*") == 0) {
      at = behind(text, "*/", at + 2);
    } else if (text.compare(at, 2, "R\"") == 0 && !in_word) {
      const std::size_t open = std::min(text.find('(', at), text.size());
      at = behind(text, ')' + text.substr(at + 2, open - at - 2) + '"', open);
      is_blanked = literals == Literals::blank;
    } else if (text[at] == '"' || (text[at] == '\'' && !in_word)) {  // else a digit separator
      at = behind_literal(text, at);
      is_blanked = literals == Literals::blank;
    } else {
      ++at;
      continue;
    }
    if (is_blanked)
      for (std::size_t i = begin; i < at; ++i)
        if (text[i] != '\n') blanked[i] = ' ';
  }
  return blanked;
}

std::vector<Complaint> check_includes(const Source& source,
                                      const std::set<std::string>& file_names) {
  static const std::regex pattern(R"re(#\s*include\s*"([^"\n]*)")re");
  const std::string room = room_of(source.path);
  const auto entry = std::find_if(rooms().begin(), rooms().end(),
                                  [&](auto& known) { return known.first == room; });
  if (entry == rooms().end()) return {{source.path, 1, "is in none of the rooms"}};
  const auto& others = entry->second;
  std::vector<Complaint> complaints;
  for_each_match(
      blank_comments(source.text, Literals::keep), pattern,
      [&](const std::smatch& match, std::size_t line) {
        const std::string included = match[1].str();
        const std::string from = room_of(included);
        if (included.find('/') == included.npos && !file_names.contains(included)) return;
        if (from.empty()) {
          complaints.push_back(
              {source.path, line, "includes not by the path from the root: " + included});
        } else if (from != room && !others.contains(from)) {
          complaints.push_back({source.path, line, "includes against the arrows: " + included});
        }
      });
  return complaints;
}

std::vector<Complaint> check_purity(const Source& source) {
  static const std::regex headers(
      R"re(#\s*include\s*<(random|fstream|iostream|filesystem|thread|mutex|condition_variable|)re"
      R"re(future|ctime|time\.h|unistd\.h|sys/[\w/]+\.h|netinet/[\w/]+\.h|arpa/[\w/]+\.h|)re"
      R"re(poll\.h|fcntl\.h|pqxx/.*|libpq-fe\.h|nats/.*|nats\.h|spdlog/.*)>)re"
      R"re(|#\s*include\s*"infra/[^"]*")re");
  static const std::regex names(
      R"re(\b(system_clock|high_resolution_clock|utc_clock|file_clock|random_device|)re"
      R"re(mt19937|mt19937_64|default_random_engine|clock_gettime|gettimeofday|getenv|fopen|)re"
      R"re(ifstream|ofstream|fstream|cout|cerr|cin)\b|(::|[^_]\.)now\s*\(|)re"
      R"re(\b(rand|srand|random|time|socket|clock)\s*\()re");
  if (!is_domain(source.path) || is_writer(source.path)) return {};
  std::vector<Complaint> complaints;
  if (!is_machine(source.path))
    complaints = complain(source, blank_comments(source.text, Literals::keep), headers,
                          "the domain is pure, but here is");
  append(complaints, complain(source, blank_comments(source.text, Literals::blank), names,
                              "the domain is pure, but here is"));
  return complaints;
}

std::vector<Complaint> check_randomness(const Source& source) {
  static const std::regex names(
      R"re(\b(random_device|mt19937|mt19937_64|minstd_rand0?|ranlux\w+|knuth_b|)re"
      R"re(default_random_engine)\b|\b(rand|rand_r|random|drand48|lrand48|mrand48)\s*\()re");
  if (is_within(source.path, "tests")) return {};
  return complain(source, blank_comments(source.text, Literals::blank), names,
                  "can be foretold, or may be: use infra/ids, not");
}

std::vector<Complaint> check_header(const Source& source) {
  static const std::regex pattern(R"re((^|\n)#pragma once\n)re");
  if (!source.path.ends_with(".hpp")) return {};
  if (std::regex_search(blank_comments(source.text, Literals::blank), pattern)) return {};
  return {{source.path, 1, "a header without #pragma once"}};
}

std::vector<Complaint> check_sleep(const Source& source) {
  static const std::regex pattern(
      R"re(\b(sleep_for|sleep_until|usleep|nanosleep|clock_nanosleep|sleep)\s*\()re");
  if (!is_within(source.path, "tests")) return {};
  return complain(source, blank_comments(source.text, Literals::blank), pattern,
                  "a test waits for a condition, but here is");
}

std::vector<Complaint> check_golden(const Source& source, const std::set<std::string>& files) {
  static const std::regex pattern(R"re(\bWireType\s+wire\s*\{\s*"(\w+)"\s*,\s*(\d+)\s*\})re");
  if (!is_domain(source.path)) return {};
  std::vector<Complaint> complaints;
  for_each_match(blank_comments(source.text, Literals::keep), pattern,
                 [&](const std::smatch& match, std::size_t line) {
                   const std::string file = match[1].str() + ".v" + match[2].str() + ".bin";
                   if (!files.contains(file))
                     complaints.push_back({source.path, line, "has no golden file: " + file});
                 });
  return complaints;
}

}  // namespace jangbu::tidy
