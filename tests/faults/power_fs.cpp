// A file system that forgets what was not synced when its power is cut.
//
//   jangbu_power_fs BACKING MOUNTPOINT SEED
//
// What is durable lies in the folder BACKING; everything else is in this process alone. SIGKILL is
// a loss of power that takes all of it; SIGUSR1 is one that finds the disk at work: of what was not
// synced a beginning of random length is written, down to a part of a sector's worth of bytes.
//
// The model is that of a journaling file system such as ext4 with its defaults (ext4(5),
// data=ordered):
// - The bytes of a file are durable when fsync(2) or fdatasync(2) of that file has returned.
// - Names and sizes (create, rename, unlink, mkdir, rmdir, truncate) become durable in the order in
//   which they happened, at the latest with the next fsync of any file or folder. A file that was
//   created, but never synced, is empty after the cut.
// Nothing is written back by a timer, which is harsher than any real file system.
//
// Threads: requests are taken one at a time; a second thread waits for SIGUSR1.
#define FUSE_USE_VERSION 31

#include <fcntl.h>
#include <fuse3/fuse.h>
#include <signal.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;

struct File {
  std::string bytes;
  std::string stored;  // where it is durable; empty while it is not, or no longer
  std::vector<std::pair<std::size_t, std::size_t>> unsynced;  // begin, end
};
using FilePtr = std::shared_ptr<File>;

// A running power_fs that cannot go on has lost its power, too: better than a wrong test.
[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "power_fs: %s: %s\n", why.c_str(), std::strerror(errno));
  std::_Exit(1);
}

class PowerFs {
 public:
  PowerFs(std::string backing, unsigned seed) : backing_(std::move(backing)), random_(seed) {
    folders_.insert("/");
    for (const auto& entry : fs::recursive_directory_iterator(backing_)) {
      const std::string path = entry.path().string().substr(backing_.size());
      if (entry.is_directory()) {
        folders_.insert(path);
      } else {
        std::ostringstream text;
        text << std::ifstream(entry.path(), std::ios::binary).rdbuf();
        files_[path] = std::make_shared<File>(File{text.str(), path, {}});
      }
    }
  }

  std::mutex mutex;

  const std::string& backing() const { return backing_; }
  bool has_folder(const std::string& path) const { return folders_.contains(path); }
  FilePtr find(const std::string& path) const {
    const auto found = files_.find(path);
    return found == files_.end() ? nullptr : found->second;
  }
  // The names directly in a folder.
  std::vector<std::string> list(const std::string& folder) const {
    const std::string prefix = folder == "/" ? folder : folder + "/";
    std::vector<std::string> names;
    const auto add = [&](const std::string& path) {
      if (path.size() > prefix.size() && path.starts_with(prefix) &&
          path.find('/', prefix.size()) == std::string::npos)
        names.push_back(path.substr(prefix.size()));
    };
    for (const auto& [path, file] : files_) add(path);
    for (const auto& path : folders_) add(path);
    return names;
  }

  FilePtr create(const std::string& path) {
    auto file = std::make_shared<File>();
    files_[path] = file;
    journal_.push_back([this, file, path] {
      file->stored = path;
      std::ofstream(backing_ + path, std::ios::binary | std::ios::trunc);
    });
    return file;
  }

  void make_folder(const std::string& path) {
    folders_.insert(path);
    journal_.push_back([this, path] { fs::create_directory(backing_ + path); });
  }

  int remove_folder(const std::string& path) {
    if (!list(path).empty()) return -ENOTEMPTY;
    if (folders_.erase(path) == 0) return -ENOENT;
    journal_.push_back([this, path] { fs::remove(backing_ + path); });
    return 0;
  }

  int remove(const std::string& path) {
    const FilePtr file = find(path);
    if (!file) return -ENOENT;
    files_.erase(path);
    journal_.push_back([this, file, path] {
      fs::remove(backing_ + path);
      file->stored.clear();
    });
    return 0;
  }

  int rename(const std::string& from, const std::string& to) {
    std::vector<std::pair<FilePtr, std::string>> moved;
    const FilePtr replaced = find(to);
    if (const FilePtr file = find(from)) {
      files_.erase(from);
      files_[to] = file;
      moved.emplace_back(file, to);
    } else if (has_folder(from)) {
      const std::string prefix = from + "/";
      std::map<std::string, FilePtr> files;
      std::set<std::string> folders;
      const auto new_name = [&](const std::string& path) {
        return path == from || path.starts_with(prefix) ? to + path.substr(from.size()) : path;
      };
      for (const auto& [path, inside] : files_) {
        files[new_name(path)] = inside;
        if (path.starts_with(prefix)) moved.emplace_back(inside, new_name(path));
      }
      for (const auto& path : folders_) folders.insert(new_name(path));
      files_.swap(files);
      folders_.swap(folders);
    } else {
      return -ENOENT;
    }
    journal_.push_back([this, from, to, replaced, moved] {
      fs::rename(backing_ + from, backing_ + to);
      if (replaced) replaced->stored.clear();
      for (const auto& [file, path] : moved) file->stored = path;
    });
    return 0;
  }

  void truncate(const FilePtr& file, std::size_t size) {
    file->bytes.resize(size);
    for (auto& [begin, end] : file->unsynced) end = std::min(end, size);
    std::erase_if(file->unsynced, [](const auto& range) { return range.first >= range.second; });
    journal_.push_back([this, file, size] {
      if (!file->stored.empty()) fs::resize_file(backing_ + file->stored, size);
    });
  }

  void write(File& file, const char* data, std::size_t size, std::size_t offset) {
    if (file.bytes.size() < offset + size) file.bytes.resize(offset + size);
    file.bytes.replace(offset, size, data, size);
    if (size > 0) file.unsynced.emplace_back(offset, offset + size);
  }

  void sync_names() {
    for (; !journal_.empty(); journal_.pop_front()) journal_.front()();
  }

  void sync(File& file) {
    sync_names();
    for (const auto& [begin, end] : file.unsynced) store(file, begin, end);
    file.unsynced.clear();
  }

  // What a disk at work might have got done of what nobody waited for.
  void store_a_beginning() {
    const auto up_to = [this](std::size_t most) {
      return std::uniform_int_distribution<std::size_t>(0, most)(random_);
    };
    for (std::size_t names = up_to(journal_.size()); names > 0; --names) {
      journal_.front()();
      journal_.pop_front();
    }
    for (const auto& [path, file] : files_) {
      std::size_t whole = up_to(file->unsynced.size());
      for (const auto& [begin, end] : file->unsynced) {
        if (whole == 0) {
          store(*file, begin, begin + up_to(end - begin));
          break;
        }
        store(*file, begin, end);
        --whole;
      }
    }
  }

 private:
  void store(const File& file, std::size_t begin, std::size_t end) {
    if (file.stored.empty() || begin == end) return;
    const std::string path = backing_ + file.stored;
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) give_up(path);
    while (begin < end) {
      const auto written =
          ::pwrite(fd, file.bytes.data() + begin, end - begin, static_cast<off_t>(begin));
      if (written <= 0) give_up(path);
      begin += static_cast<std::size_t>(written);
    }
    ::close(fd);
  }

  const std::string backing_;
  std::mt19937 random_;
  std::map<std::string, FilePtr> files_;
  std::set<std::string> folders_;
  std::deque<std::function<void()>> journal_;  // names and sizes that are not durable yet
};

PowerFs& power_fs() {
  return *static_cast<PowerFs*>(fuse_get_context()->private_data);
}

FilePtr& opened(const fuse_file_info* info) {
  return *reinterpret_cast<FilePtr*>(info->fh);
}

void open_as(fuse_file_info* info, FilePtr file) {
  info->fh = reinterpret_cast<std::uint64_t>(new FilePtr(std::move(file)));
}

void* init(fuse_conn_info*, fuse_config* config) {
  config->hard_remove = 1;
  config->nullpath_ok = 1;
  config->entry_timeout = config->attr_timeout = config->negative_timeout = 0;
  return fuse_get_context()->private_data;
}

int get_attributes(const char* path, struct stat* attributes, fuse_file_info* info) {
  PowerFs& fs = power_fs();
  std::lock_guard lock(fs.mutex);
  *attributes = {};
  attributes->st_uid = ::getuid();
  attributes->st_gid = ::getgid();
  attributes->st_nlink = 1;
  if (path && fs.has_folder(path)) {
    attributes->st_mode = S_IFDIR | 0755;
    return 0;
  }
  const FilePtr file = path ? fs.find(path) : opened(info);
  if (!file) return -ENOENT;
  attributes->st_mode = S_IFREG | 0644;
  attributes->st_size = static_cast<off_t>(file->bytes.size());
  return 0;
}

// Paths are told where something is opened; later they may have changed.
int open_folder(const char* path, fuse_file_info* info) {
  PowerFs& fs = power_fs();
  std::lock_guard lock(fs.mutex);
  if (!fs.has_folder(path)) return -ENOENT;
  info->fh = reinterpret_cast<std::uint64_t>(new std::string(path));
  return 0;
}

int close_folder(const char*, fuse_file_info* info) {
  delete reinterpret_cast<std::string*>(info->fh);
  return 0;
}

int read_folder(const char*, void* buffer, fuse_fill_dir_t fill, off_t, fuse_file_info* info,
                fuse_readdir_flags) {
  PowerFs& fs = power_fs();
  std::lock_guard lock(fs.mutex);
  for (const auto& name : fs.list(*reinterpret_cast<std::string*>(info->fh)))
    fill(buffer, name.c_str(), nullptr, 0, static_cast<fuse_fill_dir_flags>(0));
  return 0;
}

int sync_folder(const char*, int, fuse_file_info*) {
  PowerFs& fs = power_fs();
  std::lock_guard lock(fs.mutex);
  fs.sync_names();
  return 0;
}

int make_folder(const char* path, mode_t) {
  PowerFs& fs = power_fs();
  std::lock_guard lock(fs.mutex);
  fs.make_folder(path);
  return 0;
}

int remove_folder(const char* path) {
  PowerFs& fs = power_fs();
  std::lock_guard lock(fs.mutex);
  return fs.remove_folder(path);
}

int remove_file(const char* path) {
  PowerFs& fs = power_fs();
  std::lock_guard lock(fs.mutex);
  return fs.remove(path);
}

int rename_path(const char* from, const char* to, unsigned flags) {
  if (flags != 0) return -EINVAL;
  PowerFs& fs = power_fs();
  std::lock_guard lock(fs.mutex);
  return fs.rename(from, to);
}

int create_file(const char* path, mode_t, fuse_file_info* info) {
  PowerFs& fs = power_fs();
  std::lock_guard lock(fs.mutex);
  open_as(info, fs.create(path));
  return 0;
}

int open_file(const char* path, fuse_file_info* info) {
  PowerFs& fs = power_fs();
  std::lock_guard lock(fs.mutex);
  const FilePtr file = fs.find(path);
  if (!file) return -ENOENT;
  if ((info->flags & O_TRUNC) != 0) fs.truncate(file, 0);
  open_as(info, file);
  return 0;
}

int close_file(const char*, fuse_file_info* info) {
  delete &opened(info);
  return 0;
}

int read_file(const char*, char* buffer, std::size_t size, off_t offset, fuse_file_info* info) {
  PowerFs& fs = power_fs();
  std::lock_guard lock(fs.mutex);
  const std::string& bytes = opened(info)->bytes;
  const auto begin = static_cast<std::size_t>(offset);
  return begin >= bytes.size() ? 0 : static_cast<int>(bytes.copy(buffer, size, begin));
}

int write_file(const char*, const char* data, std::size_t size, off_t offset,
               fuse_file_info* info) {
  PowerFs& fs = power_fs();
  std::lock_guard lock(fs.mutex);
  fs.write(*opened(info), data, size, static_cast<std::size_t>(offset));
  return static_cast<int>(size);
}

int truncate_file(const char* path, off_t size, fuse_file_info* info) {
  PowerFs& fs = power_fs();
  std::lock_guard lock(fs.mutex);
  const FilePtr file = info ? opened(info) : fs.find(path);
  if (!file) return -ENOENT;
  fs.truncate(file, static_cast<std::size_t>(size));
  return 0;
}

int sync_file(const char*, int, fuse_file_info* info) {
  PowerFs& fs = power_fs();
  std::lock_guard lock(fs.mutex);
  fs.sync(*opened(info));
  return 0;
}

// Owners, rights and times are of no interest here.
int change_mode(const char*, mode_t, fuse_file_info*) {
  return 0;
}

int change_times(const char*, const timespec*, fuse_file_info*) {
  return 0;
}

int tell_space(const char*, struct statvfs* space) {
  return ::statvfs(power_fs().backing().c_str(), space) == 0 ? 0 : -errno;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s BACKING MOUNTPOINT SEED\n", argv[0]);
    return 2;
  }
  PowerFs fs(std::filesystem::canonical(argv[1]), static_cast<unsigned>(std::atoi(argv[3])));

  sigset_t cut;
  ::sigemptyset(&cut);
  ::sigaddset(&cut, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &cut, nullptr);
  std::thread([&fs, cut] {
    int signal = 0;
    ::sigwait(&cut, &signal);
    std::lock_guard lock(fs.mutex);
    fs.store_a_beginning();
    std::_Exit(0);
  }).detach();

  fuse_operations operations{};
  operations.init = init;
  operations.getattr = get_attributes;
  operations.opendir = open_folder;
  operations.readdir = read_folder;
  operations.releasedir = close_folder;
  operations.fsyncdir = sync_folder;
  operations.mkdir = make_folder;
  operations.rmdir = remove_folder;
  operations.unlink = remove_file;
  operations.rename = rename_path;
  operations.create = create_file;
  operations.open = open_file;
  operations.release = close_file;
  operations.read = read_file;
  operations.write = write_file;
  operations.truncate = truncate_file;
  operations.fsync = sync_file;
  operations.chmod = change_mode;
  operations.utimens = change_times;
  operations.statfs = tell_space;
  std::vector<std::string> words{argv[0], "-f", "-s", argv[2]};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  return fuse_main(static_cast<int>(arguments.size()), arguments.data(), &operations, &fs);
}
