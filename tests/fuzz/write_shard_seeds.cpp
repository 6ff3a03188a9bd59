// write_shard_seeds FOLDER: the seeds of fuzz_shard and fuzz_manifest, in FOLDER/shard and FOLDER/manifest, one per task. To be run
// again when the columns of the format change.
#include <cstdio>
#include <filesystem>
#include <utility>

#include "core/atomic_file.hpp"
#include "fuzz/shard_input.hpp"

int main(int argc, char** argv) {
  using namespace muster;
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  std::filesystem::create_directories(folder / "shard");
  std::filesystem::create_directories(folder / "manifest");
  const std::pair<const char*, data::TargetKind> kinds[] = {{"class_mask", data::TargetKind::kClassMask},
                                                            {"segment_mask", data::TargetKind::kSegmentMask},
                                                            {"label", data::TargetKind::kLabel},
                                                            {"labels", data::TargetKind::kLabels},
                                                            {"none", data::TargetKind::kNone}};
  char number = 0;  // as fuzz_shard counts the tasks
  for (const auto& [name, kind] : kinds) {
    fuzz::ShardInput input(kind);
    write_file_atomically(folder / "shard" / name, std::string{number++, '\1'} + input.seed());
    write_file_atomically(folder / "manifest" / name, data::manifest_json(input.put({}, false)));
  }
  return 0;
}
