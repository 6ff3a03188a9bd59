// Files that come into being complete, under a name that only one writer gets.
#pragma once

#include <filesystem>
#include <string_view>

namespace muster::label {

// Writes `bytes` to `temporary`, flushes it, and links it to `path`; the temporary name is gone afterwards. False when something
// has that name already: it is left as it is. Makes missing folders of `path`. OutputError for everything else.
// `temporary` lies in the same file system and belongs to one thread of one worker.
bool create_exclusively(const std::filesystem::path& path, const std::filesystem::path& temporary, std::string_view bytes);

// The same, but takes the place of what was there.
void replace_file(const std::filesystem::path& path, const std::filesystem::path& temporary, std::string_view bytes);

// With all that lead to it. OutputError.
void make_folder(const std::filesystem::path& folder);

}  // namespace muster::label
