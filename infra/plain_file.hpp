// A small file that the settings name, read whole.
//
// Threads: any. Errors: std::runtime_error, which continues the file's name for people: "cannot be
// read: …".
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace jangbu {

enum class Privacy { anybody_may_read, owner_alone };

// Only a plain file, of at most so many bytes: opening a named pipe would wait for somebody who
// writes to it.
std::string read_plain_file(const std::filesystem::path& path, std::size_t longest,
                            Privacy privacy);

}  // namespace jangbu
