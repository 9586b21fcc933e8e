// The files that the log is exported to and imported from (export_format.hpp), plain or gzip.
//
// A compressed file is a sequence of gzip members (RFC 1952, section 2.2). Each holds complete
// commits and, except for the last, at least 1 MiB of text. So an interrupted export can be
// continued after its last complete member, and yields the same bytes as an uninterrupted one.
//
// Threads: one at a time.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/cli/commit_source.hpp"
#include "events/commit.hpp"
#include "infra/descriptor.hpp"

namespace jangbu::cli {

// The text of an export, compressed or not.
class ExportText {
 public:
  // Throws Failure when it cannot be read.
  explicit ExportText(const std::filesystem::path& path);
  ~ExportText();
  ExportText(const ExportText&) = delete;
  ExportText& operator=(const ExportText&) = delete;

  // Appends some of the text that follows, from one member at most. False at the end. Throws
  // Corrupt when the compressed bytes are damaged.
  bool read(std::string& to);

  bool compressed() const { return compressed_; }
  // Whether the text so far ends where a member ends, and the offset of that in the file.
  bool at_member_end() const { return !in_member_; }
  std::uint64_t member_end() const { return bytes_read_ - stream_.avail_in; }

 private:
  bool refill();

  const Descriptor file_;
  std::string input_;
  std::uint64_t bytes_read_ = 0;
  bool compressed_ = false;
  bool in_member_ = false;
  z_stream stream_{};
};

// Reads and checks an export. Throws Corrupt, with the line, if something is wrong; the next call
// continues with the next commit. Reading stops at anything too large to be an export
// (export_format.hpp).
class ExportFile final : public CommitSource {
 public:
  // How much of a line must match what this build writes: all of it, or only what restoring relies
  // on, which other versions of jangbu write as well.
  enum class Lines { as_written_today, as_needed };

  ExportFile(const std::filesystem::path& path, Lines lines);

  std::vector<StoredCommit> next() override;

 private:
  std::optional<StoredCommit> take_commit();
  const std::string& expected_source(const std::string& found);
  void check_line(EventId id, std::string_view expected);
  std::optional<std::string_view> peek();
  void consume();
  std::string skip_commit(std::uint64_t first_line);

  ExportText text_;
  const Lines lines_;
  std::string buffer_;
  std::size_t at_ = 0;                   // where the next line begins
  std::optional<std::size_t> line_end_;  // of the next line, once known
  std::uint64_t line_number_ = 1;        // of the next line
  std::string source_;                   // of the shop; empty until known
  std::optional<std::string> wrong_;     // to be reported next
  bool ended_ = false;
};

// Writes an export, or continues one.
class ExportWriter {
 public:
  struct Options {
    std::string path;  // may be "-" for standard output
    bool compressed = false;
    std::string source;  // of the CloudEvents
  };

  // Throws Failure, and leaves the file as it is, if that is not an export of this log from `first`
  // on, in this form.
  ExportWriter(Options options, EventLog& log, Position first);

  // The first commit that is not in the file yet.
  Position next() const { return next_; }
  // The last commit in the file when it was opened; 0 for a new one.
  Position resumed_behind() const { return resumed_behind_; }

  bool is_terminal() const;

  // REQUIRES: commits come in order, from next() on.
  void append(const StoredCommit& stored, const Commit& commit);
  // Writes the rest, and makes sure that it is on disk.
  void finish();

 private:
  void resume(EventLog& log, Position first);
  void write_text();
  void write(std::string_view bytes);

  const Options options_;
  Descriptor file_;
  bool is_file_ = false;
  Position next_;
  Position resumed_behind_;
  std::string text_;            // complete commits, not written yet or to be rewritten
  bool appended_ = false;       // something was added to it
  std::optional<off_t> begin_;  // where to write next in a continued file
};

}  // namespace jangbu::cli
