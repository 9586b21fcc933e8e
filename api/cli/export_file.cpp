#include "api/cli/export_file.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "api/cli/export_format.hpp"
#include "api/cli/progress.hpp"
#include "events/errors.hpp"

namespace jangbu::cli {

namespace {

constexpr std::size_t block = 1024 * 1024;        // read or written at once
constexpr std::size_t member_text = 1024 * 1024;  // the least text of a full member
// The limits of one read: this many commits, or as many as have this many bytes.
constexpr std::size_t commits_at_once = 100;
constexpr std::size_t bytes_at_once = 4 * largest_commit;
// The search for the next commit gives up after this much text.
constexpr std::size_t most_skipped = 2 * longest_commit_text;
constexpr ::mode_t private_file = 0600;  // it holds everybody's names and addresses
constexpr int gzip_window = 15 + 16;     // zlib: the largest window, and a gzip header
constexpr std::string_view gzip_magic = "\x1f\x8b";

// A line longer than any in an export; it may never end.
class LineTooLong : public Corrupt {
 public:
  using Corrupt::Corrupt;
};

Failure failure(const std::string& path, const std::string& doing) {
  return Failure("cannot " + doing + " " + path + ": " + std::strerror(errno));
}

std::string compress(std::string_view text) {
  z_stream stream{};
  // The fastest level: most of the text is base64, which the others compress little better.
  invariant(
      deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, gzip_window, 8, Z_DEFAULT_STRATEGY) == Z_OK,
      "zlib takes its own defaults");
  std::string bytes(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(bytes.data());
  stream.avail_out = static_cast<uInt>(bytes.size());
  const int result = deflate(&stream, Z_FINISH);
  bytes.resize(bytes.size() - stream.avail_out);
  deflateEnd(&stream);
  invariant(result == Z_STREAM_END, "deflateBound() is enough");
  return bytes;
}

// A commit found in the text, and where it ends.
struct Found {
  StoredCommit commit;
  std::string source;
  std::size_t end = 0;
};

// The commit whose first line begins at `at`, if all of its lines are there.
std::optional<Found> commit_at(std::string_view text, std::size_t at) {
  try {
    const std::size_t line_end = text.find('\n', at);
    if (line_end == text.npos) return std::nullopt;
    auto first = parse_first_line(text.substr(at, line_end - at));
    if (!first || first->source.empty()) return std::nullopt;
    const StoredCommit& stored = first->commit;
    const std::size_t events = decode(stored).events.size();
    std::size_t end = line_end + 1;
    for (std::uint32_t index = 1; index < events; ++index) {
      if (!text.substr(end).starts_with(line_start({stored.position, index}))) return std::nullopt;
      const std::size_t next = text.find('\n', end);
      if (next == text.npos) return std::nullopt;
      end = next + 1;
    }
    return Found{std::move(first->commit), std::move(first->source), end};
  } catch (const Corrupt&) {
    return std::nullopt;
  }
}

// The last complete commit.
std::optional<Found> last_commit(std::string_view text) {
  for (std::size_t end = text.size(); end > 0;) {
    const std::size_t feed = end == 1 ? text.npos : text.rfind('\n', end - 2);
    const std::size_t begin = feed == text.npos ? 0 : feed + 1;
    if (auto found = commit_at(text, begin)) return found;
    end = begin;
  }
  return std::nullopt;
}

// How much of a file is complete, and the last commit in it.
struct Kept {
  std::uint64_t size = 0;
  Position next;
  std::optional<StoredCommit> last;
  std::string source = {};  // of the last commit
  // A member that is not full is rewritten together with what follows: its beginning and its text.
  std::uint64_t member_begin = 0;
  std::string member = {};
};

// Searches backwards from the end, one window at a time, so that a large file need not be read.
// Windows overlap by one commit's length, so that every commit is complete in one of them.
Kept find_end_of_plain(int fd, const std::string& path, std::uint64_t size, Position first) {
  std::uint64_t window = 8 * block;
  for (std::uint64_t end = size;; window = 2 * longest_commit_text) {
    const std::uint64_t begin = end - std::min(end, window);
    std::string text(end - begin, '\0');
    if (::pread(fd, text.data(), text.size(), static_cast<off_t>(begin)) !=
        static_cast<ssize_t>(text.size()))
      throw failure(path, "read");
    // The window may begin within a line, whose rest is never a commit's first line.
    if (auto found = last_commit(text))
      return {.size = begin + found->end,
              .next = found->commit.position.next(),
              .last = std::move(found->commit),
              .source = std::move(found->source),
              .member_begin = begin + found->end};
    if (begin == 0) return {.size = 0, .next = first, .last = std::nullopt};
    end = std::min(end, begin + longest_commit_text);
  }
}

Kept find_end_of_compressed(const std::string& path, Position first) {
  ExportText file(path);
  Kept kept{.size = 0, .next = first, .last = std::nullopt};
  std::string member;
  try {
    while (file.read(member)) {
      if (member.size() > member_text + longest_commit_text + block)
        throw Failure(path +
                      " is compressed in another way than jangbu does it: name another file, or "
                      "expand it with gunzip and leave --gzip out. It was left as it is");
      if (!file.at_member_end()) continue;
      auto last = last_commit(member);
      if (!last || last->end != member.size() || !commit_at(member, 0)) break;
      kept.size = file.member_end();
      kept.next = last->commit.position.next();
      kept.last = std::move(last->commit);
      kept.source = std::move(last->source);
      if (member.size() < member_text) {
        kept.member = std::move(member);
        break;
      }
      kept.member_begin = file.member_end();
      member.clear();
    }
  } catch (const Corrupt&) {
    // Whatever follows the last complete member is dropped.
  }
  return kept;
}

// The first `most` bytes of the text, or as many as there are.
std::string beginning(const std::string& path, std::size_t most) {
  std::string text;
  try {
    ExportText file(path);
    while (text.size() < most && file.read(text)) {
    }
  } catch (const Corrupt&) {
  }
  return text.substr(0, most);
}

}  // namespace

// --- Reading -------------------------------------------------------------------------------------

ExportText::ExportText(const std::filesystem::path& path)
    : file_(path == "-" ? ::dup(STDIN_FILENO) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (!file_) throw failure(path, "read");
  invariant(inflateInit2(&stream_, gzip_window) == Z_OK, "zlib takes its own defaults");
  if (refill()) compressed_ = input_.starts_with(gzip_magic.substr(0, input_.size()));
}

ExportText::~ExportText() {
  inflateEnd(&stream_);
}

bool ExportText::refill() {
  input_.resize(block);
  const ssize_t size = ::read(file_.number(), input_.data(), input_.size());
  if (size < 0) throw Failure(std::string("cannot read: ") + std::strerror(errno));
  input_.resize(static_cast<std::size_t>(size));
  bytes_read_ += input_.size();
  stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
  stream_.avail_in = static_cast<uInt>(input_.size());
  return size > 0;
}

bool ExportText::read(std::string& to) {
  if (stream_.avail_in == 0 && !refill()) return false;
  if (!compressed_) {
    to.append(reinterpret_cast<const char*>(stream_.next_in), stream_.avail_in);
    stream_.avail_in = 0;
    return true;
  }
  if (!std::exchange(in_member_, true)) inflateReset(&stream_);
  const std::size_t before = to.size();
  to.resize(before + block);
  stream_.next_out = reinterpret_cast<Bytef*>(to.data() + before);
  stream_.avail_out = block;
  const int result = inflate(&stream_, Z_NO_FLUSH);
  to.resize(to.size() - stream_.avail_out);
  if (result == Z_STREAM_END) {
    in_member_ = false;
  } else if (result != Z_OK && result != Z_BUF_ERROR) {
    throw Corrupt("its compressed bytes are damaged before byte " + std::to_string(member_end()) +
                  " of the file: " + (stream_.msg ? stream_.msg : "no reason given"));
  }
  return true;
}

ExportFile::ExportFile(const std::filesystem::path& path, Lines lines)
    : text_(path), lines_(lines) {}

std::vector<StoredCommit> ExportFile::next() {
  std::vector<StoredCommit> commits;
  std::size_t bytes = 0;
  while (!wrong_ && !ended_ && commits.size() < commits_at_once && bytes < bytes_at_once) {
    try {
      if (auto commit = take_commit()) {
        bytes += commit->payload.size();
        commits.push_back(std::move(*commit));
      } else {
        ended_ = true;
      }
    } catch (const Corrupt& corrupt) {
      wrong_ = corrupt.what();
    }
  }
  if (commits.empty() && wrong_) throw Corrupt(*std::exchange(wrong_, std::nullopt));
  return commits;
}

std::optional<StoredCommit> ExportFile::take_commit() {
  const auto first = peek();
  if (!first) return std::nullopt;
  const std::uint64_t first_line = line_number_;
  try {
    std::optional<FirstLine> told;
    try {
      told = parse_first_line(*first);
      if (!told) throw Corrupt("does not begin a commit, as it should");
    } catch (const Corrupt& corrupt) {
      throw Corrupt("line " + std::to_string(line_number_) + " " + corrupt.what());
    }
    StoredCommit& stored = told->commit;
    Commit commit;
    try {
      commit = decode(stored);
    } catch (const Undecodable& undecodable) {
      throw Corrupt("line " + std::to_string(line_number_) + ": " + undecodable.what());
    }
    const std::string expected = export_lines(expected_source(told->source), stored, commit);
    std::string_view rest = expected;
    for (std::uint32_t index = 0; !rest.empty(); ++index) {
      const std::size_t end = rest.find('\n');
      check_line({stored.position, index}, rest.substr(0, end));
      rest.remove_prefix(end + 1);
    }
    return std::move(stored);
  } catch (const Corrupt& corrupt) {
    if (ended_) throw;
    throw Corrupt(corrupt.what() + skip_commit(first_line));
  }
}

// A file is an export of one shop, which the first line with its name tells.
const std::string& ExportFile::expected_source(const std::string& found) {
  if (found == nameless_source) return found;
  if (source_.empty()) source_ = found;
  return source_;
}

// The next line must be this one. If it begins another commit, it is not consumed.
void ExportFile::check_line(EventId id, std::string_view expected) {
  const auto line = peek();
  const std::string at = "line " + std::to_string(line_number_);
  if (!line)
    throw Corrupt(at + " is missing: the file ends in the middle of commit " +
                  std::to_string(id.position.value));
  if (*line != expected) {
    if (!tell_the_same(*line, expected))
      throw Corrupt(at + " is not event " + to_string(id) + " as the bytes of its commit have it");
    if (lines_ == Lines::as_written_today)
      throw Corrupt(at + " differs from event " + to_string(id) +
                    " as the bytes of its commit have it: it is damaged, or another version of "
                    "jangbu wrote it");
  }
  consume();
}

// The next line, without its line feed; valid until the next call. Nothing at the end. Throws
// Corrupt when the file ends within the line, LineTooLong when it is longer than any in an export.
std::optional<std::string_view> ExportFile::peek() {
  for (std::size_t from = at_; !line_end_;) {
    if (const auto feed = buffer_.find('\n', from); feed != buffer_.npos) {
      line_end_ = feed;
      break;
    }
    buffer_.erase(0, std::exchange(at_, 0));
    from = buffer_.size();
    bool more = false;
    try {
      more = text_.read(buffer_);
    } catch (const Corrupt&) {
      ended_ = true;
      throw;
    }
    if (buffer_.size() > longest_line && buffer_.find('\n', from) > longest_line) {
      ended_ = true;
      throw LineTooLong("line " + std::to_string(line_number_) + " has more than " +
                        grouped(longest_line) +
                        " bytes, the most that a line of an export has: it is none, or damaged. It "
                        "was not read any further");
    }
    if (more) continue;
    if (buffer_.empty() && text_.at_member_end()) return std::nullopt;
    ended_ = true;
    throw Corrupt("the file ends in the middle of line " + std::to_string(line_number_));
  }
  return std::string_view(buffer_).substr(at_, *line_end_ - at_);
}

void ExportFile::consume() {
  at_ = *line_end_ + 1;
  line_end_.reset();
  ++line_number_;
}

// Skips to the next line that begins a commit. An early end of the file is not reported then: what
// is missing belongs to a commit already known to be damaged. Returns why reading stops, if it
// does.
std::string ExportFile::skip_commit(std::uint64_t first_line) {
  std::size_t skipped = 0;
  try {
    while (const auto line = peek()) {
      if (line_number_ != first_line && line->find(R"("commitid":)") != line->npos) return {};
      skipped += line->size() + 1;
      consume();
      if (skipped < most_skipped) continue;
      ended_ = true;
      return ". No commit begins in the " + grouped(skipped) +
             " bytes behind it, so it was not read any further";
    }
  } catch (const LineTooLong& too_long) {
    return std::string("; ") + too_long.what();
  } catch (const Corrupt&) {
  }
  return {};
}

// --- Writing -------------------------------------------------------------------------------------

ExportWriter::ExportWriter(Options options, EventLog& log, Position first)
    : options_(std::move(options)), next_(first) {
  const std::string& path = options_.path;
  file_ =
      Descriptor(path == "-" ? ::dup(STDOUT_FILENO)
                             : ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, private_file));
  struct stat about {};
  if (!file_ || ::fstat(file_.number(), &about) != 0) throw failure(path, "write");
  is_file_ = path != "-" && S_ISREG(about.st_mode);
  if (!is_file_) return;
  if ((about.st_mode & 077) != 0)
    tell(path + " can be read by others, and holds everybody's names and addresses: chmod 600 it");
  if (::flock(file_.number(), LOCK_EX | LOCK_NB) != 0)
    throw Failure(path + " is being written by another export");
  if (about.st_size > 0) resume(log, first);
}

void ExportWriter::resume(EventLog& log, Position first) {
  const std::string& path = options_.path;
  struct stat about {};
  if (::fstat(file_.number(), &about) != 0) throw failure(path, "read");
  const auto size = static_cast<std::uint64_t>(about.st_size);

  std::array<char, gzip_magic.size()> magic{};
  const ssize_t read = ::pread(file_.number(), magic.data(), magic.size(), 0);
  const std::string_view begins(magic.data(), static_cast<std::size_t>(std::max<ssize_t>(read, 0)));
  const bool is_compressed = begins == gzip_magic.substr(0, begins.size());
  if (is_compressed != options_.compressed)
    throw Failure(path +
                  (is_compressed ? " is compressed: add --gzip to go on with it, or name "
                                 : " is not compressed: leave --gzip out to go on with it, "
                                   "or name ") +
                  "another file. It was left as it is");

  const std::string wanted = line_start({first, 0});
  std::string found = beginning(path, wanted.size());
  // A crash may leave zeros where the last bytes should have been written.
  while (found.ends_with('\0')) found.pop_back();
  if (found != wanted.substr(0, found.size()))
    throw Failure(path + " is not an export that begins at position " +
                  std::to_string(first.value) +
                  ": name another file, or say --from as for this one. It was left as it is");

  Kept kept = options_.compressed ? find_end_of_compressed(path, first)
                                  : find_end_of_plain(file_.number(), path, size, first);
  if (kept.last) {
    const auto there = log.read(kept.last->position);
    if (!there || there->id != kept.last->id || there->payload != kept.last->payload)
      throw Failure(path + " is an export of another log: commit " +
                    std::to_string(kept.last->position.value) +
                    (there ? " is another one in this log" : " is not in this log") +
                    ". Name another file. It was left as it is");
    if (kept.source != options_.source && kept.source != nameless_source)
      throw Failure(path + " is an export of " + kept.source + ", not of " + options_.source +
                    ": say --shop as for this file, or name another. It was left as it is");
    resumed_behind_ = kept.last->position;
  }
  if (::ftruncate(file_.number(), static_cast<off_t>(kept.size)) != 0) throw failure(path, "write");
  begin_ = static_cast<off_t>(kept.member_begin);
  text_ = std::move(kept.member);
  next_ = kept.next;
}

bool ExportWriter::is_terminal() const {
  return ::isatty(file_.number()) == 1;
}

void ExportWriter::append(const StoredCommit& stored, const Commit& commit) {
  if (stored.payload.size() > largest_commit)
    throw Failure("commit " + std::to_string(stored.position.value) + " has " +
                  grouped(stored.payload.size()) +
                  " bytes, more than jangbu writes, and cannot be "
                  "exported");
  text_ += export_lines(options_.source, stored, commit);
  appended_ = true;
  next_ = stored.position.next();
  if (text_.size() >= member_text) write_text();
}

void ExportWriter::finish() {
  if (appended_) write_text();
  if (!is_file_) return;
  if (::fsync(file_.number()) != 0) throw failure(options_.path, "write");
  const auto folder = std::filesystem::absolute(options_.path).parent_path();
  try {
    sync_folder(folder);
  } catch (const std::system_error&) {
    throw failure(folder, "write");
  }
}

// A partial member stays in the file until there is more to write: a log that cannot be read any
// further must not cost what was exported from it before.
void ExportWriter::write_text() {
  const std::string bytes = options_.compressed ? compress(text_) : std::move(text_);
  if (begin_ &&
      (::ftruncate(file_.number(), *begin_) != 0 || ::lseek(file_.number(), *begin_, SEEK_SET) < 0))
    throw failure(options_.path, "write");
  begin_.reset();
  write(bytes);
  text_.clear();
  appended_ = false;
}

void ExportWriter::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file_.number(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EPIPE) throw Interrupted{SIGPIPE};
    if (written < 0) throw failure(options_.path, "write");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace jangbu::cli
