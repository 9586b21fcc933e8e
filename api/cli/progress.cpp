#include "api/cli/progress.hpp"

#include <unistd.h>

#include <cstdio>
#include <utility>

namespace jangbu::cli {

using namespace std::chrono_literals;

namespace {

constexpr auto first_after = 1s;
constexpr auto every = 100ms;

// "0:03", "1:02:03"
std::string clock_text(std::chrono::seconds time) {
  const auto two_digits = [](std::int64_t number) {
    return (number < 10 ? "0" : "") + std::to_string(number);
  };
  const std::int64_t hours = time / 1h;
  const std::int64_t minutes = time / 1min % 60;
  return (hours > 0 ? std::to_string(hours) + ":" + two_digits(minutes) : std::to_string(minutes)) +
         ":" + two_digits(time.count() % 60);
}

std::string text_of(const std::string& label, const std::string& unit, std::uint64_t done,
                    std::uint64_t total, double rate) {
  std::string text = label + " " + grouped(done);
  if (total > 0) text += " of " + grouped(total);
  text += " " + unit;
  if (total > 0) text += " (" + std::to_string(done * 100 / total) + " %)";
  text += ", " + grouped(static_cast<std::uint64_t>(rate)) + "/s";
  if (total > done && rate >= 1)
    text += ", " +
            clock_text(std::chrono::seconds(
                static_cast<std::int64_t>(static_cast<double>(total - done) / rate + 0.5))) +
            " left";
  return text;
}

double rate_of(std::uint64_t done, std::chrono::nanoseconds elapsed) {
  const double seconds = std::chrono::duration<double>(elapsed).count();
  return seconds > 0 ? static_cast<double>(done) / seconds : 0;
}

}  // namespace

std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
  return text;
}

std::string progress_text(const std::string& label, const std::string& unit, std::uint64_t done,
                          std::uint64_t total, std::chrono::nanoseconds elapsed) {
  return text_of(label, unit, done, total, rate_of(done, elapsed));
}

Progress::Progress(std::string label, std::string unit, std::uint64_t total, std::uint64_t begun_at)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      begun_at_(begun_at),
      on_terminal_(::isatty(STDERR_FILENO) == 1),
      next_(begun_ + first_after) {}

Progress::~Progress() {
  erase();
}

void Progress::show(std::uint64_t done) {
  if (!on_terminal_) return;
  const auto now = Clock::now();
  if (now < next_) return;
  next_ = now + every;
  const double rate = rate_of(done - begun_at_, now - begun_);
  // Returns to the first column, and clears what is left of a longer line before it (ECMA-48: EL).
  std::fprintf(stderr, "\r%s\x1b[K", text_of(label_, unit_, done, total_, rate).c_str());
  std::fflush(stderr);
  shown_ = true;
}

void Progress::erase() {
  if (!std::exchange(shown_, false)) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
}

}  // namespace jangbu::cli
