// Writes what is published into the folder it is told: the AsyncAPI document, and an event of every
// type as <Type>.v<schema's version>.json.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "api/publishing/asyncapi.hpp"
#include "tests/publishing/public_events.hpp"

using namespace jangbu;

namespace {

bool write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  out << text << '\n';
  return static_cast<bool>(out.flush());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: jangbu_write_public FOLDER\n";
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  std::filesystem::create_directories(folder / "events");
  bool written = write(folder / "asyncapi.json",
                       asyncapi_document({"shop", "nats://127.0.0.1:4222", "SHOP_PUBLIC"}));
  for (const test::PublicSample& sample : test::public_samples(test::telling))
    written =
        write(folder / "events" / test::file_name(sample), sample.event.cloud_event) && written;
  return written ? 0 : 1;
}
