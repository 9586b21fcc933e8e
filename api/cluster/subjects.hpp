// Where instances speak to one another, and what their seals are bound to.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "events/values.hpp"

namespace jangbu::cluster {

// Where all of the shop's subjects begin: its stream's name in lower case.
inline std::string subjects_of(std::string stream) {
  for (char& c : stream)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return stream;
}

// Who is active? To be asked of the instance that is.
inline std::string active_subject(std::string_view subjects) {
  return std::string(subjects) + ".active";
}

// Commands for the instance that is active in this term.
inline std::string forward_subject(std::string_view subjects, Position term) {
  return std::string(subjects) + ".forward." + std::to_string(term.value);
}

// Of a message to `subject` that is to be answered to `reply`, which is different for each; and of
// the answers to it.
inline std::string question_context(std::string_view subject, std::string_view reply) {
  return "question\n" + std::string(subject) + "\n" + std::string(reply);
}
inline std::string answer_context(std::string_view reply) {
  return "answer\n" + std::string(reply);
}

}  // namespace jangbu::cluster
