#include "tests/support/describe.hpp"

#include <cxxabi.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <typeinfo>

namespace jangbu::test {

namespace {

constexpr std::size_t bytes_per_line = 16;

template <class Value>
std::string type_name(const Value& value) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(typeid(value).name(), nullptr, nullptr, &status), &std::free);
  return status == 0 ? name.get() : typeid(value).name();
}

}  // namespace

void Annotation::write(const void* data, std::size_t size, const std::string& meaning) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  for (std::size_t from = 0; from < size || from == 0; from += bytes_per_line) {
    std::array<char, 16> number{};
    std::snprintf(number.data(), number.size(), "%04zx ", offset_ + from);
    std::string line = number.data();
    for (std::size_t i = from; i < size && i < from + bytes_per_line; ++i) {
      std::snprintf(number.data(), number.size(), " %02x", bytes[i]);
      line += number.data();
    }
    if (from == 0) {
      line.resize(6 + 3 * bytes_per_line, ' ');
      line += "  " + meaning;
    }
    text_ += line + '\n';
  }
  offset_ += size;
}

std::string annotate(const Commit& commit) {
  Annotation output;
  output.heading("byte order, committed at, how many events");
  output(std::uint8_t{1});
  save_commit(output, commit);
  return output.text();
}

std::string describe(const Event& event) {
  Annotation output;
  std::visit([&](const auto& fact) { output(fact); }, event);
  const WireType wire = wire_type(event);
  return std::string(wire.name) + " version " + std::to_string(wire.version) + '\n' + output.text();
}

std::string describe(const Refusal& refusal) {
  return std::visit([](const auto& broken) { return type_name(broken); }, refusal);
}

std::string describe(const Decision& decision) {
  if (const auto* event = std::get_if<Event>(&decision)) return describe(*event);
  if (const auto* refused = std::get_if<Refusal>(&decision)) return describe(*refused);
  return std::visit([](const auto& other) { return type_name(other); }, decision);
}

}  // namespace jangbu::test

namespace jangbu {

void showValue(const Event& event, std::ostream& out) {
  out << test::describe(event);
}

void showValue(const RecordedEvent& recorded, std::ostream& out) {
  out << "occurred at " << to_string(recorded.envelope.occurred_at) << ": "
      << test::describe(recorded.event);
}

void showValue(const Commit& commit, std::ostream& out) {
  out << test::annotate(commit);
}

}  // namespace jangbu
