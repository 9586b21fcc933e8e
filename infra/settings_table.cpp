#include "infra/settings_table.hpp"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <stdexcept>

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

std::string TableReader::read_file(std::string_view setting, std::size_t longest,
                                   Privacy privacy) const {
  const std::string path = text(setting);
  try {
    return read_plain_file(path, longest, privacy);
  } catch (const std::runtime_error& wrong) {
    fail(std::string(setting) + " " + visible(path) + " " + wrong.what());
  }
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
