#include "api/http/message.hpp"

#include <algorithm>
#include <stdexcept>

#include "api/http/ascii.hpp"
#include "api/http/problem_types.hpp"
#include "infra/json.hpp"

namespace jangbu::http {

std::string_view to_string(Method method) {
  switch (method) {
    case Method::get:
      return "GET";
    case Method::head:
      return "HEAD";
    case Method::post:
      return "POST";
    case Method::put:
      return "PUT";
    case Method::patch:
      return "PATCH";
    case Method::delete_:
      return "DELETE";
    case Method::options:
      return "OPTIONS";
  }
  return "";
}

void Headers::reserve(std::size_t fields, std::size_t bytes) {
  spans_.reserve(fields);
  text_.reserve(bytes);
}

void Headers::add(std::string_view name, std::string_view value) {
  spans_.push_back({static_cast<std::uint32_t>(text_.size()),
                    static_cast<std::uint32_t>(name.size()),
                    static_cast<std::uint32_t>(value.size())});
  text_.append(name).append(value);
}

Headers::Field Headers::operator[](std::size_t index) const {
  const Span& span = spans_[index];
  const std::string_view text = text_;
  return {text.substr(span.at, span.name_size),
          text.substr(span.at + span.name_size, span.value_size)};
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
  for (std::size_t i = 0; i < size(); ++i) {
    const Field field = (*this)[i];
    if (equal_ignoring_case(field.name, name)) return field.value;
  }
  return std::nullopt;
}

std::optional<std::string_view> Request::query_value(std::string_view name) const {
  for (const auto& [key, value] : query)
    if (key == name) return value;
  return std::nullopt;
}

std::string_view Request::param(std::string_view name) const {
  for (const auto& [key, index] : parameters)
    if (key == name) return segments[index];
  throw std::logic_error("the route has no parameter {" + std::string(name) + "}");
}

Response problem(const ProblemType& type, std::string_view detail) {
  Json body{{"type", "/problems/" + std::string(type.code)},
            {"title", type.title},
            {"status", type.status},
            {"detail", detail},
            {"code", type.code}};
  // The texts may quote what a client sent; bytes that are not UTF-8 become U+FFFD.
  return {.status = type.status,
          .content_type = "application/problem+json",
          .body = std::move(body).text()};
}

Response internal_error() {
  return problem(problems::internal_error, "Something went wrong here; it has been logged.");
}

}  // namespace jangbu::http
