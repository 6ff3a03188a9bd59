// `muster export`: a model's weights in our own format, as a Hugging Face folder, or in Meta's names.
#include <filesystem>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "app/command.hpp"
#include "app/weight_source.hpp"
#include "app/weight_words.hpp"

namespace muster::app {
namespace {

struct ExportOptions {
  std::string model;
  std::string out;
  std::string format = "muster";
  std::string dtype = "stored";
  int image_size = 0;
  bool allow_inexact = false;
  std::string max_shard_size = "5GB";
  std::string base;
  std::int64_t seed = 0;
};
template <class Visitor>
void visit(Visitor& v, ExportOptions& o) {
  v.field(
      "model", o.model, any_value(),
      "folder of a run (its best, else its last), checkpoint, weight file of any form, a backbone in the cache, or an architecture with "
      "-notpretrained, which is drawn");
  v.field("out", o.out, any_value(), "muster: FILE.safetensors, or a folder for several; hf: a folder; meta: FILE.pth or FILE.safetensors");
  v.field("format", o.format, one_of({"muster", "hf", "meta"}),
          "whose names and files: ours, those that transformers opens, Meta's backbones");
  v.field("dtype", o.dtype, one_of({"stored", "fp32", "bf16", "fp16"}), "element type to write");
  v.field("image_size", o.image_size, at_least(0),
          "pixels of the square images that a Hugging Face folder is for, to which DINOv2's positions are resized; 0 = the model's");
  v.field("allow_inexact", o.allow_inexact, any_value(), "write what the other program computes a little differently, and say by how much");
  v.field("max_shard_size", o.max_shard_size, any_value(), "a larger file is split, with an index (where out is a folder)");
  v.field("base", o.base, any_value(), "backbone file of upstream EoMT's DINOv3 files; empty = from the cache");
  v.field("seed", o.seed, between(0, 4294967295.0), "of the weights of an architecture");
}
void validate(const ExportOptions& o) {
  if (o.model.empty() || o.out.empty()) {
    throw ConfigError("{} is not set; an export takes model=runs/a out=best.safetensors", o.model.empty() ? "model" : "out");
  }
  const std::string extension = std::filesystem::path(o.out).extension();
  if (o.format == "muster" && !extension.empty() && extension != ".safetensors") {
    throw ConfigError("out={} should end in .safetensors, the format that is written, or be a folder", o.out);
  }
  if (o.format == "meta" && !o.out.ends_with(".safetensors") && !o.out.ends_with(".pth")) {
    throw ConfigError("out={} should end in .pth or .safetensors, which format=meta writes", o.out);
  }
  static_cast<void>(bytes_of_size(o.max_shard_size, "max_shard_size"));
}

constexpr const char* kExportUsage =
    "  muster export model=RUN|CHECKPOINT|FILE|NAME out=FILE.safetensors|DIR|FILE.pth [format=muster|hf|meta] [dtype=..]\n\n"
    "Examples, after a training run in runs/a:\n"
    "  launch/muster export model=runs/a/checkpoints/last out=runs/last.safetensors\n"
    "  launch/muster export model=runs/a out=runs/a_hf format=hf allow_inexact=true     for transformers' from_pretrained\n\n"
    "muster: every weight with the class list, image rules and transform settings; Python's safetensors reads it. hf: config.json and\n"
    "model.safetensors. meta: the backbone in Meta's names. What another program computes differently needs allow_inexact=true.\n";

weights::ExportReport write(const ExportOptions& options, const WeightSource& source) {
  const weights::ExportOptions how{.dtype = type_named(options.dtype),
                                   .max_shard_bytes = bytes_of_size(options.max_shard_size, "max_shard_size"),
                                   .image_size = options.image_size,
                                   .allow_inexact = options.allow_inexact};
  const std::filesystem::path out = options.out;
  if (options.format == "hf") {
    return weights::export_hf(out, source.model().backbone(), source.supply(), source.info(), how);
  }
  if (out.has_parent_path()) {
    std::filesystem::create_directories(out.parent_path());
  }
  return options.format == "meta" ? weights::export_meta(out, source.model().backbone(), source.supply(), how)
                                  : weights::export_muster(out, source.supply(), source.info(), how);
}

ExitCode run_export(const ExportOptions& options, const io::Value&, const Arguments&) {
  const WeightSource source = is_drawn(options.model)
                                  ? WeightSource(options.model, static_cast<std::uint64_t>(options.seed))
                                  : WeightSource(find_model(options.model), {.base = options.base, .model = {}, .load = {}});
  const weights::ExportReport report = write(options, source);
  for (const std::string& deviation : report.deviations) {
    spdlog::warn("{}", deviation);
  }
  const weights::WeightsInfo& info = source.info();
  fmt::print("wrote {} ({}, step {}, {} classes): {} tensors, {:.1f} MB in {} file(s)\n", options.out, info.model, info.step,
             info.classes.size(), report.tensors, static_cast<double>(report.bytes) / 1e6, report.files.size());
  return ExitCode::kDone;
}

}  // namespace

Command export_command() {
  return make_command<ExportOptions>("export", "write a model's weights for Muster, transformers or Meta's code", kExportUsage, run_export);
}

}  // namespace muster::app
