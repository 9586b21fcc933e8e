#include "infra/settings_table.hpp"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "infra/descriptor.hpp"
#include "infra/handle.hpp"
#include "infra/text.hpp"

namespace jangbu {

namespace {

constexpr std::size_t longest_table_name = 32;
constexpr std::size_t longest_ca_file = 1'048'576;

bool is_table_name(std::string_view name) {
  return !name.empty() && name.size() <= longest_table_name &&
         std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

}  // namespace

TableReader::TableReader(std::string_view section, const SettingsTable& table,
                         std::span<const std::string_view> known)
    : section_(section), table_(table) {
  if (!is_table_name(table_.name))
    fail("the name behind " + std::string(section_) + ". has 1 to " +
         std::to_string(longest_table_name) + " lower-case letters, digits and '-'");
  for (const auto& [setting, values] : table_.settings)
    if (std::ranges::find(known, setting) == known.end())
      fail("there is no setting " + visible(setting) + "; there are " + joined(known));
}

void TableReader::fail(const std::string& what) const {
  throw std::runtime_error("[" + std::string(section_) + "." + visible(table_.name) + "]: " + what);
}

const std::vector<std::string>& TableReader::list(std::string_view setting) const {
  static const std::vector<std::string> none;
  const auto found = table_.settings.find(setting);
  return found == table_.settings.end() ? none : found->second;
}

std::string TableReader::text(std::string_view setting) const {
  const auto& values = list(setting);
  if (values.size() != 1 || values.front().empty())
    fail("give " + std::string(setting) + " once, as a text in double quotes");
  return values.front();
}

bool TableReader::flag(std::string_view setting) const {
  const auto& values = list(setting);
  if (values.empty() || (values.size() == 1 && values.front() == "false")) return false;
  if (values.size() == 1 && values.front() == "true") return true;
  fail(std::string(setting) + " must be true or false");
}

// Only a plain file: opening a named pipe would wait for somebody who writes to it.
std::string TableReader::read_file(std::string_view setting, std::size_t longest,
                                   Privacy privacy) const {
  const std::string path = text(setting);
  const std::string name = std::string(setting) + " " + visible(path);
  const auto why = [] { return std::string(std::strerror(errno)); };
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat info {};
  if (!file || ::fstat(file.number(), &info) != 0) fail(name + " cannot be read: " + why());
  if (!S_ISREG(info.st_mode)) fail(name + " is not a file");
  if (privacy == Privacy::owner_alone && (info.st_mode & 077) != 0)
    fail(name + " can be read by others: chmod 600 it");
  std::string content(longest + 1, '\0');
  std::size_t size = 0;
  for (ssize_t more = 1; more > 0 && size < content.size();
       size += static_cast<std::size_t>(more)) {
    more = ::read(file.number(), content.data() + size, content.size() - size);
    if (more < 0) fail(name + " cannot be read: " + why());
  }
  content.resize(size);
  if (size > longest)
    fail(name + " is too long: it has more than " + std::to_string(longest) + " bytes");
  return content;
}

std::string TableReader::authorities() const {
  if (!has("ca_file")) return {};
  std::string content = read_file("ca_file", longest_ca_file, Privacy::anybody_may_read);
  const Handle<BIO, BIO_free> pem(
      BIO_new_mem_buf(content.data(), static_cast<int>(content.size())));
  if (!Handle<X509, X509_free>(PEM_read_bio_X509(pem.get(), nullptr, nullptr, nullptr)))
    fail("ca_file " + visible(text("ca_file")) + " has no certificate (PEM)");
  return content;
}

std::string joined(std::span<const std::string_view> words) {
  std::string text;
  for (const std::string_view word : words) text.append(text.empty() ? "" : ", ").append(word);
  return text;
}

}  // namespace jangbu
