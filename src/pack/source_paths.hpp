// Paths that users write down one by one, in lists and tables.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "io/source_scan.hpp"

namespace muster::pack {

// Absolute and without "." and ".." and a slash at the end; links are not followed.
std::filesystem::path full_path(const std::filesystem::path& path);

// The deepest folder that holds all of these folders, or is one of them. Paths as full_path() gives them; "" for none.
std::filesystem::path shared_folder(std::span<const std::filesystem::path> folders);

// Whether a full path lies below a full folder.
bool lies_in(const std::filesystem::path& path, const std::filesystem::path& folder);

// A file as a sample of the folder `root`: its key is its path from there. Size and time are not looked up.
io::SourceFile named_file(const std::filesystem::path& path, const std::filesystem::path& root);

}  // namespace muster::pack
