#include "io/json_records.hpp"

#include <algorithm>
#include <limits>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "io/mapped_file.hpp"

namespace muster::io {

// Takes the events of nlohmann's parser.
class JsonRecordReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  JsonRecordReader(std::string where, std::span<const std::string_view> lists, const TakeJsonRecord& take)
      : where_(std::move(where)), lists_(lists), take_(take) {}

  std::set<std::string> seen() && { return std::move(seen_); }

  bool null() override { return scalar(nullptr); }
  bool boolean(bool value) override { return scalar(value); }
  bool number_integer(std::int64_t value) override { return scalar(value); }
  bool number_unsigned(std::uint64_t value) override {
    const bool fits = value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    return fits ? scalar(static_cast<std::int64_t>(value)) : scalar(static_cast<double>(value));
  }
  bool number_float(double value, const std::string&) override { return scalar(value); }
  bool string(std::string& value) override { return scalar(std::move(value)); }
  bool binary(nlohmann::json::binary_t&) override { return false; }
  bool key(std::string& name) override {
    open_.back().key = name;
    return true;
  }
  bool start_object(std::size_t) override { return open(true); }
  bool start_array(std::size_t) override { return open(false); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception& error) override {
    const std::string_view what = error.what();  // "[json.exception.parse_error.101] parse error at line 1, column 2: what is wrong"
    const std::size_t colon = what.find(": ");
    throw DataError("{}: not valid JSON at byte {}: {}", where_, position, colon == std::string_view::npos ? what : what.substr(colon + 2));
  }

 private:
  enum class Kind { kRecord, kRecords, kNumbers, kPassedOver };
  // An object or list that is not closed yet.
  struct Open {
    Kind kind = Kind::kPassedOver;
    std::string path{};          // of the list that a record is in, or that this is
    std::string key{};           // kRecord: of the member being read
    JsonRecord record{};         // kRecord
    std::vector<double> list{};  // kNumbers
    std::size_t index = 0;       // kRecords: of the object being read
    bool only_numbers = true;    // kNumbers
  };
  static constexpr std::size_t kDeepest = 200;

  // "annotations[17].segments_info[3]"
  std::string place() const {
    std::string text;
    for (const Open& level : open_) {
      if (level.kind == Kind::kRecords) {
        const std::size_t dot = level.path.rfind('.');
        text += fmt::format("{}{}[{}]", text.empty() ? "" : ".", dot == std::string::npos ? level.path : level.path.substr(dot + 1),
                            level.index);
      }
    }
    return text;
  }

  [[noreturn]] void refuse(std::string_view text) const {
    const std::string at = place();
    throw DataError("{}: {}{}{}", where_, at, at.empty() ? "" : ": ", text);
  }

  // Path of the list that the member being read of `record` would be.
  static std::string list_path(const Open& record) { return record.path.empty() ? record.key : record.path + "." + record.key; }

  bool open(bool is_object) {
    if (open_.size() >= kDeepest) {
      refuse(fmt::format("nested deeper than {} levels", kDeepest));
    }
    Open level;
    if (open_.empty()) {
      if (!is_object) {
        refuse("a list at the top, wanted an object");
      }
      level.kind = Kind::kRecord;
    } else if (const Open& parent = open_.back(); parent.kind == Kind::kRecords) {
      if (!is_object) {
        refuse("a list, wanted an object");
      }
      level.kind = Kind::kRecord;
      level.path = parent.path;
    } else if (parent.kind == Kind::kRecord) {
      level.path = list_path(parent);
      if (std::ranges::find(lists_, level.path) != lists_.end()) {
        if (is_object) {
          refuse(fmt::format("{} is an object, wanted a list", parent.key));
        }
        level.kind = Kind::kRecords;
        seen_.insert(level.path);
      } else {
        level.kind = is_object ? Kind::kPassedOver : Kind::kNumbers;
      }
    } else if (parent.kind == Kind::kNumbers) {
      open_.back().only_numbers = false;
    }
    open_.push_back(std::move(level));
    return true;
  }

  bool close() {
    Open level = std::move(open_.back());
    open_.pop_back();
    if (open_.empty()) {
      return true;
    }
    Open& parent = open_.back();
    if (level.kind == Kind::kRecord) {
      give(level);
      ++parent.index;
    } else if (parent.kind == Kind::kRecord && level.kind == Kind::kNumbers && level.only_numbers) {
      add(parent, std::move(level.list));
    } else if (parent.kind == Kind::kRecord) {
      add(parent, JsonRecord::Other{});
    }
    return true;
  }

  void give(const Open& level) const {
    try {
      take_(level.path, level.record);
    } catch (const DataError& error) {
      refuse(error.what());
    }
  }

  bool scalar(JsonRecord::Member value) {
    if (open_.empty()) {
      refuse("a single value, wanted an object");
    }
    Open& level = open_.back();
    if (level.kind == Kind::kRecord) {
      add(level, std::move(value));
    } else if (level.kind == Kind::kRecords) {
      refuse("a single value, wanted an object");
    } else if (const auto* whole_number = std::get_if<std::int64_t>(&value); level.kind == Kind::kNumbers && whole_number != nullptr) {
      level.list.push_back(static_cast<double>(*whole_number));
    } else if (const auto* fraction = std::get_if<double>(&value); level.kind == Kind::kNumbers && fraction != nullptr) {
      level.list.push_back(*fraction);
    } else {
      level.only_numbers = false;
    }
    return true;
  }

  static void add(Open& record, JsonRecord::Member value) {
    if (!record.path.empty()) {  // the object at the top is no record: its members may be large
      record.record.members_.emplace_back(record.key, std::move(value));
    }
  }

  std::string where_;
  std::span<const std::string_view> lists_;
  const TakeJsonRecord& take_;
  std::vector<Open> open_;  // outermost first
  std::set<std::string> seen_;
};

std::set<std::string> read_json_records(const std::filesystem::path& path, std::span<const std::string_view> lists,
                                        const TakeJsonRecord& take) {
  const MappedFile file(path);
  file.read_ahead();
  JsonRecordReader reader(path.string(), lists, take);
  const auto* begin = reinterpret_cast<const char*>(file.bytes().data());
  if (!nlohmann::json::sax_parse(begin, begin + file.bytes().size(), &reader)) {
    throw DataError("{}: not valid JSON", path.string());
  }
  return std::move(reader).seen();
}

}  // namespace muster::io
