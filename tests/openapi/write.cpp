// Writes the OpenAPI document of each service into the folder it is told.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tests/openapi/services.hpp"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: jangbu_write_openapi FOLDER\n";
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  std::filesystem::create_directories(folder);
  bool written = true;
  for (const jangbu::Service& service : jangbu::test::services) {
    std::ofstream out(folder / (std::string(service.name) + ".json"));
    out << nlohmann::ordered_json::parse(jangbu::openapi_document(service)).dump(2) << '\n';
    written = written && out.flush();
  }
  return written ? 0 : 1;
}
