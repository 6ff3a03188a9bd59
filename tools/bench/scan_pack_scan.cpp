// Searching a folder with 1, 2, 4 and 8 threads, beside a walk that asks for the status of every entry by its whole path.
//   scan_pack_scan FOLDER [ROUNDS=3]
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <dirent.h>
#include <sys/stat.h>

#include <fmt/format.h>

#include "io/source_scan.hpp"

namespace {

std::size_t walk(const std::string& folder) {
  std::size_t files = 0;
  DIR* handle = ::opendir(folder.c_str());
  while (const dirent* entry = handle == nullptr ? nullptr : ::readdir(handle)) {
    const std::string name = entry->d_name;
    struct stat status {};
    if (name == "." || name == ".." || ::stat((folder + "/" + name).c_str(), &status) != 0) {
      continue;
    }
    files += S_ISDIR(status.st_mode) ? walk(folder + "/" + name) : 1;
  }
  if (handle != nullptr) {
    ::closedir(handle);
  }
  return files;
}

template <class Search>
double median_seconds(int rounds, Search search) {
  std::vector<double> seconds;
  for (int round = 0; round < rounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    search();
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    fmt::print(stderr, "usage: scan_pack_scan FOLDER [ROUNDS=3]\n");
    return 2;
  }
  const std::string folder = arguments[1];
  const int rounds = count > 2 ? std::atoi(arguments[2]) : 3;
  std::size_t files = 0;
  const double plain = median_seconds(rounds, [&] { files = walk(folder); });
  fmt::print("{:>8} files, walk with a status per entry: {:.3f} s\n", files, plain);
  for (const int threads : {1, 2, 4, 8}) {
    const double seconds =
        median_seconds(rounds, [&] { files = muster::io::scan_folder(folder, muster::io::kImageExtensions, {}, threads).files.size(); });
    fmt::print("{:>8} files, {} threads: {:.3f} s, {:.0f} files/s, {:.2f}x\n", files, threads, seconds,
               static_cast<double>(files) / seconds, plain / seconds);
  }
  return 0;
}
