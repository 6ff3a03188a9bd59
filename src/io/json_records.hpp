// A JSON file that is too large for a tree of values, read in one pass: every object of the lists that are asked for comes as a flat
// record when it closes, and nothing of it is kept.
//
//   read_json_records("a.json", {"annotations", "annotations.segments_info"}, [&](std::string_view list, const JsonRecord& record) {
//     if (list == "annotations.segments_info") ids.push_back(record.whole("id", 1, 255));      // segments first, then their annotation
//   });
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace muster::io {

// The members of one object whose values are no objects. DataError "area is no number" from all that look one up and cannot use it;
// null counts as not there.
class JsonRecord {
 public:
  bool has(std::string_view key) const noexcept;
  double number(std::string_view key) const;
  // 24315.0 is whole too.
  std::int64_t whole(std::string_view key, std::int64_t least, std::int64_t most) const;
  bool flag(std::string_view key) const;  // true, false, 0, 1
  // Without null characters.
  const std::string& text(std::string_view key) const;
  // A string, or a whole number as its digits.
  std::string text_or_digits(std::string_view key) const;
  // A list of exactly so many numbers.
  std::span<const double> numbers(std::string_view key, std::size_t count) const;

 private:
  friend class JsonRecordReader;
  struct Other {};  // a list that holds something else than numbers, or whose objects were given as records
  using Member = std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, std::vector<double>, Other>;

  const Member* find(std::string_view key) const noexcept;
  const Member& at(std::string_view key) const;

  std::vector<std::pair<std::string, Member>> members_;
};

using TakeJsonRecord = std::function<void(std::string_view list, const JsonRecord& record)>;

// `lists` are paths of keys from the object at the top: "annotations.segments_info" are the objects in the list `segments_info` of each
// object in the list `annotations`. Returns those of them that the file has. What `take` throws as DataError gets file and place in front:
// "a.json: annotations[17].segments_info[3]: area is no number". DataError for what is no JSON, and for lists that hold other things
// than objects. Memory: the file is mapped; one record per level.
std::set<std::string> read_json_records(const std::filesystem::path& path, std::span<const std::string_view> lists,
                                        const TakeJsonRecord& take);

}  // namespace muster::io
