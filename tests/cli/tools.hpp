// The tools as functions, on logs in memory.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "api/cli/export_file.hpp"
#include "api/cli/import_log.hpp"
#include "api/cli/tool.hpp"
#include "events/commit.hpp"

namespace jangbu::test {

inline void export_to(const std::filesystem::path& file, EventLog& log, bool compressed,
                      Position from = {1}, const std::string& source = "/jangbu/shop") {
  const cli::StopSignals stop;
  cli::ExportWriter writer({file, compressed, source}, log, from);
  cli::LogRange range(log, writer.next(), log.last(), stop);
  for (auto commits = range.next(); !commits.empty(); commits = range.next())
    for (const StoredCommit& stored : commits) writer.append(stored, decode(stored));
  writer.finish();
}

// What is wrong is thrown.
inline std::vector<StoredCommit> read_export(const std::filesystem::path& path,
                                             cli::ExportFile::Lines lines) {
  cli::ExportFile file(path, lines);
  std::vector<StoredCommit> all;
  for (auto commits = file.next(); !commits.empty(); commits = file.next())
    all.insert(all.end(), commits.begin(), commits.end());
  return all;
}

inline cli::Imported import_from(const std::filesystem::path& path, EventLog& log) {
  const cli::StopSignals stop;
  cli::ExportFile file(path, cli::ExportFile::Lines::as_needed);
  return cli::import_log(log, file, stop, [](Position) {});
}

}  // namespace jangbu::test
