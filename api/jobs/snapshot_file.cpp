#include "api/jobs/snapshot_file.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "infra/descriptor.hpp"
#include "infra/ids.hpp"
#include "infra/log.hpp"

namespace jangbu {

using namespace std::chrono_literals;

namespace {

constexpr auto after_failure = 60s;
constexpr int share_of_time = 10;
// Keeps each flush short, because others wait for it.
constexpr std::size_t bytes_between_syncs = 8 * 1024 * 1024;

class FileSource final : public SnapshotSource {
 public:
  // Nothing when there is no such file. Throws NoSnapshot when it cannot be read.
  static std::optional<FileSource> open(const std::filesystem::path& file) {
    Descriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!descriptor) {
      if (errno == ENOENT) return std::nullopt;
      throw NoSnapshot(std::generic_category().message(errno));
    }
    struct stat status {};
    if (::fstat(descriptor.number(), &status) != 0)
      throw NoSnapshot(std::generic_category().message(errno));
    return FileSource(std::move(descriptor), status);
  }

  std::uint64_t left() const override { return left_; }
  void read(char* to, std::size_t size) override {
    left_ -= size;
    while (size > 0) {
      const ssize_t got = ::read(file_.number(), to, size);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw NoSnapshot(std::generic_category().message(errno));
      if (got == 0) throw NoSnapshot("it became shorter");
      to += got;
      size -= static_cast<std::size_t>(got);
    }
  }

  std::uint64_t size() const { return size_; }
  double modified_at_seconds() const { return modified_at_seconds_; }

 private:
  FileSource(Descriptor file, const struct stat& status)
      : file_(std::move(file)),
        size_(static_cast<std::uint64_t>(status.st_size)),
        left_(size_),
        modified_at_seconds_(static_cast<double>(status.st_mtim.tv_sec)) {}

  Descriptor file_;
  std::uint64_t size_;
  std::uint64_t left_;
  double modified_at_seconds_;
};

// Opens the file for this process alone; nothing when another process is writing it. The lock is on
// the file, not on its name, which may by now belong to another file or to none. No other user may
// read it, even if it already existed; a symbolic link is not followed.
std::optional<Descriptor> open_locked(const std::filesystem::path& file) {
  constexpr ::mode_t private_file = 0600;
  for (;;) {
    Descriptor descriptor(
        ::open(file.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, private_file), "open");
    if (::fchmod(descriptor.number(), private_file) != 0) throw_errno("fchmod");
    if (::flock(descriptor.number(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return std::nullopt;
      throw_errno("flock");
    }
    struct stat opened {
    }, named{};
    if (::fstat(descriptor.number(), &opened) != 0) throw_errno("fstat");
    if (::stat(file.c_str(), &named) == 0 && named.st_ino == opened.st_ino &&
        named.st_dev == opened.st_dev)
      return descriptor;
  }
}

}  // namespace

SnapshotFile::SnapshotFile(Options options) : options_(std::move(options)) {
  if (options_.events > 0) thread_ = std::thread([this] { run(); });
}

SnapshotFile::~SnapshotFile() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::optional<SnapshotMark> SnapshotFile::mark() const {
  try {
    auto source = FileSource::open(options_.file);
    if (!source) return std::nullopt;
    return read_snapshot_mark(*source, options_.log);
  } catch (const NoSnapshot&) {
    return std::nullopt;
  }
}

std::optional<Snapshot> SnapshotFile::load(std::size_t key_budget) {
  const auto start = Clock::now();
  try {
    auto source = FileSource::open(options_.file);
    if (!source) {
      log::info("no snapshot at {}: the log is replayed from its beginning",
                options_.file.string());
      return std::nullopt;
    }
    Snapshot snapshot = read_snapshot(*source, options_.log, key_budget);
    const std::chrono::duration<double> time = Clock::now() - start;
    log::info("the snapshot of position {} was loaded in {:.2f} s: the log is replayed from {}",
              snapshot.mark.position.value, time.count(), snapshot.mark.position.value + 1);
    std::lock_guard lock(mutex_);
    events_ = snapshot.mark.events;
    status_ = {.position = snapshot.mark.position,
               .written_at_seconds = source->modified_at_seconds(),
               .bytes = source->size()};
    return snapshot;
  } catch (const NoSnapshot& why) {
    log::warn("the snapshot {} cannot be used, {}: the log is replayed from its beginning",
              options_.file.string(), why.what());
    return std::nullopt;
  }
}

bool SnapshotFile::due(std::uint64_t events) {
  std::lock_guard lock(mutex_);
  return options_.events > 0 && !job_ && !busy_ && events >= events_ + options_.events &&
         Clock::now() >= not_before_;
}

void SnapshotFile::store(Snapshot snapshot) {
  {
    std::lock_guard lock(mutex_);
    job_ = std::move(snapshot);
  }
  changed_.notify_all();
}

void SnapshotFile::store_last(Snapshot snapshot) {
  std::unique_lock lock(mutex_);
  const auto idle = [this] { return !job_ && !busy_; };
  changed_.wait(lock, idle);
  if (options_.events == 0 || snapshot.mark.events < events_ + options_.events / 10 ||
      snapshot.mark.events == events_)
    return;
  job_ = std::move(snapshot);
  changed_.notify_all();
  changed_.wait(lock, idle);
}

SnapshotFile::Status SnapshotFile::status() const {
  std::lock_guard lock(mutex_);
  return status_;
}

void SnapshotFile::run() {
  ::pthread_setname_np(::pthread_self(), "snapshots");
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 19);  // of this thread (Linux)
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stop_ || job_; });
    if (!job_) return;
    Snapshot snapshot = *std::exchange(job_, std::nullopt);
    busy_ = true;
    lock.unlock();
    try_to_write(std::move(snapshot));
    lock.lock();
    busy_ = false;
    changed_.notify_all();
  }
}

// The memory that only this copy still holds is freed at the end, on this thread.
void SnapshotFile::try_to_write(Snapshot snapshot) {
  const auto start = Clock::now();
  std::optional<std::uint64_t> bytes;
  try {
    bytes = write(snapshot);
  } catch (const std::exception& error) {
    log::warn("the snapshot {} cannot be written: {}", options_.file.string(), error.what());
  }
  const auto time = Clock::now() - start;
  std::lock_guard lock(mutex_);
  not_before_ = Clock::now() + (share_of_time - 1) * time;
  if (!bytes) {
    ++status_.failures;
    not_before_ += after_failure;
    return;
  }
  events_ = snapshot.mark.events;
  status_.position = snapshot.mark.position;
  status_.written_at_seconds = static_cast<double>(system_now().ms) / 1e3;
  status_.duration_seconds = std::chrono::duration<double>(time).count();
  status_.bytes = *bytes;
}

std::uint64_t SnapshotFile::write(const Snapshot& snapshot) {
  std::filesystem::create_directories(options_.file.parent_path());
  const std::filesystem::path aside = options_.file.string() + ".new";
  const auto locked = open_locked(aside);
  if (!locked) throw std::runtime_error("another process is writing one");
  const int file = locked->number();
  if (::ftruncate(file, 0) != 0) throw_errno("ftruncate");
  std::uint64_t bytes = 0;
  std::size_t unsynced = 0;
  write_snapshot(snapshot, options_.log, [&](std::string_view block) {
    write_all(*locked, block);
    bytes += block.size();
    unsynced += block.size();
    if (unsynced < bytes_between_syncs) return;
    if (::fdatasync(file) != 0) throw_errno("fdatasync");
    unsynced = 0;
  });
  if (::fsync(file) != 0) throw_errno("fsync");
  std::filesystem::rename(aside, options_.file);
  sync_folder(options_.file.parent_path());
  return bytes;
}

}  // namespace jangbu
