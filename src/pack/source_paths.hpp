// Paths that users write down one by one, in lists and tables.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <unordered_map>

namespace muster::pack {

// Absolute and without "." and ".." and a slash at the end; links are not followed.
std::filesystem::path full_path(const std::filesystem::path& path);

// full_path() of many files in few folders: each folder is worked out once. One thread at a time.
class FullPaths {
 public:
  std::string of(const std::filesystem::path& file);

 private:
  std::unordered_map<std::string, std::string> folders_;  // as written -> in full
};

// The folder of a file; both in full.
std::string folder_of_file(const std::string& file);

// The deepest folder that holds all of these folders, or is one of them. In full, as these are; "" for none.
std::string shared_folder(std::span<const std::string> folders);

// Whether a path lies below a folder, or is it; both in full.
bool lies_in(const std::string& path, const std::string& folder);

// The path of a file from a folder that may lie beside it: "a/b.jpg", "../b.jpg"; both in full.
std::string path_from(const std::string& file, const std::string& folder);

}  // namespace muster::pack
