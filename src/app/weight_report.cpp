#include "app/weight_report.hpp"

#include <map>
#include <utility>

#include <fmt/format.h>

#include "app/model_source.hpp"
#include "ckpt/checkpoint.hpp"
#include "core/error.hpp"
#include "weights/form.hpp"
#include "weights/opened_weights.hpp"

namespace muster::app {
namespace {

struct Count {
  std::int64_t tensors = 0, elements = 0, bytes = 0;
  void add(std::int64_t count, std::size_t element_bytes) {
    ++tensors;
    elements += count;
    bytes += count * static_cast<std::int64_t>(element_bytes);
  }
};

io::Value counts_value(const std::map<std::string, Count>& by_type) {
  io::Value types = io::Value::map();
  for (const auto& [type, count] : by_type) {
    types.set(type, io::Value::map({{"tensors", count.tensors}, {"elements", count.elements}, {"bytes", count.bytes}}));
  }
  return types;
}

void add_tensors(const weights::TensorSource& source, io::Value& report) {
  std::map<std::string, Count> by_type;
  io::Value list = io::Value::list();
  for (const weights::StoredTensor& tensor : source.tensors()) {
    by_type[std::string(scalar_name(tensor.dtype))].add(tensor.numel(), scalar_bytes(tensor.dtype));
    io::Value shape = io::Value::list();
    for (const std::int64_t extent : tensor.shape) {
      shape.push_back(extent);
    }
    list.push_back(io::Value::map({{"name", tensor.name}, {"dtype", scalar_name(tensor.dtype)}, {"shape", std::move(shape)}}));
  }
  report.set("types", counts_value(by_type));
  report.set("tensors", std::move(list));
}

// Model, classes, provenance: what a description says, or what recognising made of the file.
void add_info(const weights::WeightsInfo& info, io::Value& report) {
  const io::Value described = io::parse_json(weights::to_json(info), "description");
  for (const io::Value::Member& member : described.as_map()) {
    if (member.key != "format" && member.key != "version" && !member.value.is_null()) {
      report.set(member.key == "form" ? "details" : member.key, member.value);
    }
  }
}

void add_model(const weights::TensorSource& source, io::Value& report) {
  try {
    const weights::Recognised found = weights::recognise(source);
    report.set("form", weights::form_name(found.form));
    report.set("shape", weights::describe(found.shape));
    add_info(found.info, report);
    io::Value notes = io::Value::list();
    for (const std::string& note : found.notes) {
      notes.push_back(note);
    }
    report.set("notes", std::move(notes));
  } catch (const DataError& error) {
    report.set("not_recognised", error.what());
  }
}

io::Value file_report(const std::filesystem::path& path) {
  const auto source = weights::TensorSource::open(path);
  io::Value report = io::Value::map({{"file", path.string()}, {"container", source.format()}});
  add_model(source, report);
  if (source.values().is_map()) {
    report.set("beside_the_tensors", source.values());
  }
  if (source.config().is_map()) {
    report.set("config", source.config());
  }
  report.set("hash", source.hash());
  add_tensors(source, report);
  return report;
}

io::Value checkpoint_report(const std::filesystem::path& folder) {
  const ckpt::Checkpoint checkpoint = ckpt::Checkpoint::open(folder);
  const weights::WeightsInfo info = weights::parse_weights_info(checkpoint.record("weights"), folder.string());
  io::Value report = io::Value::map({{"file", folder.string()}, {"container", "checkpoint"}, {"form", "Muster checkpoint"}});
  add_info(info, report);
  report.set("step", checkpoint.step());
  std::map<std::string, Count> by_type;
  for (const ckpt::StoredSegment& segment : checkpoint.manifest().segments) {
    for (const ckpt::StoredKind& kind : segment.kinds) {
      by_type[std::string(scalar_name(kind.dtype))].add(segment.numel, scalar_bytes(kind.dtype));
    }
  }
  report.set("types", counts_value(by_type));
  return report;
}

// What a description has a key for, and the file no answer.
bool says_nothing(const io::Value& value) {
  return value.is_null() || (value.is_string() && value.as_string().empty()) || (value.is_list() && value.size() == 0);
}

std::string scalar_text(const io::Value& value) {
  return value.is_string() ? value.as_string() : io::to_json(value, -1);
}

std::string types_text(const io::Value& types) {
  std::string text;
  for (const io::Value::Member& member : types.as_map()) {
    text += fmt::format("{:<16} {}: {} tensors, {} elements, {:.1f} MB\n", text.empty() ? "types" : "", member.key,
                        member.value.at("tensors").as_int(), member.value.at("elements").as_int(),
                        static_cast<double>(member.value.at("bytes").as_int()) / 1e6);
  }
  return text;
}

std::string classes_text(const io::Value& classes) {
  constexpr std::size_t kShown = 12;
  std::string text = fmt::format("{:<16} {}", "classes", classes.size());
  const io::Value::List& list = classes.as_list();
  for (std::size_t i = 0; i < std::min(kShown, list.size()); ++i) {
    text += fmt::format("{} {} {}", i == 0 ? ":" : ",", list[i].at("id").as_int(), list[i].at("name").as_string());
  }
  return text + (list.size() > kShown ? ", ...\n" : "\n");
}

}  // namespace

io::Value weight_report(const std::string& name) {
  const ModelPath place = find_model(name);
  return place.checkpoint ? checkpoint_report(place.path) : file_report(place.path);
}

std::string weight_report_text(const io::Value& report) {
  constexpr std::size_t kTensorsShown = 400;
  std::string text;
  for (const io::Value::Member& member : report.as_map()) {
    if (says_nothing(member.value)) {
      continue;
    }
    if (member.key == "types") {
      text += types_text(member.value);
    } else if (member.key == "classes") {
      text += classes_text(member.value);
    } else if (member.key == "tensors") {
      const io::Value::List& tensors = member.value.as_list();
      text += fmt::format("\n{} tensors:\n", tensors.size());
      for (std::size_t i = 0; i < std::min(kTensorsShown, tensors.size()); ++i) {
        text += fmt::format("  {:<5} {:<20} {}\n", tensors[i].at("dtype").as_string(), io::to_json(tensors[i].at("shape"), -1),
                            tensors[i].at("name").as_string());
      }
      text += tensors.size() > kTensorsShown ? "  ... (--json lists all)\n" : "";
    } else {
      text += fmt::format("{:<16} {}\n", member.key, scalar_text(member.value));
    }
  }
  text.erase(text.find_last_not_of('\n') + 1);
  return text;
}

}  // namespace muster::app
