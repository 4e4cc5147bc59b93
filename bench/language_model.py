#!/usr/bin/env python3
"""A decoder of 100 M parameters (the shape of a Llama) by export_language_model.py and by torch_to_nnef, run by `generate`.

    language_model.py FOLDER [--rounds N]

Takes a Python with torch, transformers 4.57, torch_to_nnef and torch_to_nnef_llm; $TORCH2NNEF is the program, which has `generate`
and `tract-run` beside it. FOLDER gets the checkpoint and the archives; those that are there are not made again. Prints for each
export the time, the CPU time and the peak of memory, then for each round and archive what `generate` says and the CPU time of a token.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

RECIPE = pathlib.Path(__file__).resolve().parents[1] / "tools/examples/language_model/export_language_model.py"
PROMPT = ",".join(str(i * 7919 % 32000) for i in range(128))


def make_checkpoint(folder):
    import torch
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers

    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=32000, hidden_size=768, intermediate_size=2048, num_hidden_layers=12, num_attention_heads=12,
        num_key_value_heads=4, max_position_embeddings=2048, tie_word_embeddings=True)
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    words = Tokenizer(models.WordLevel({"<unk>": 0, **{str(i): i for i in range(1, 32000)}}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()  # torch_to_nnef wants some tokens of a sentence
    transformers.PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>", eos_token="2").save_pretrained(folder)


def run(command):
    """What it writes to the standard error; time, CPU time and peak."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read().decode(errors="replace")
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit(errors[-2000:])
    return errors, time.monotonic() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def export(what, command):
    _, seconds, processor, peak = run(command)
    print(f"{what:<28} {seconds:6.1f} s, {processor:6.1f} s of CPU, {peak:6.0f} MB", flush=True)


def generate(program, folder):
    """Speeds as the runner says them; CPU time of a token as a difference, which the machine's load changes little."""
    prompt = [program, folder, "--ids", PROMPT, "--ignore-end"]
    errors, _, long, _ = run([*prompt, "--tokens", "65"])
    _, _, short, _ = run([*prompt, "--tokens", "1"])
    speeds = "; ".join(" ".join(line.split()) for line in errors.splitlines())
    print(f"{folder.name:<5} {speeds}; {(long - short) / 64 * 1000:.1f} ms of CPU per token", flush=True)


def peer_manifest(ours, folder):
    """What `generate` needs to run an archive with torch_to_nnef's names."""
    manifest = json.loads((ours / "manifest.json").read_text(encoding="utf-8"))
    for one in manifest["cache"]:
        one["input"] = one["input"].replace("past_", "in_cache_")
        one["output"] = one["output"].replace("present_", "out_cache_")
    manifest.update(archive="model/model.nnef.tgz", tokenizer=None, logits={"output": "outputs", "of": "last"})
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (folder / "check.npz").write_bytes((ours / "check.npz").read_bytes())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    programs = pathlib.Path(os.environ["TORCH2NNEF"]).resolve().parent
    checkpoint, peer = options.folder / "checkpoint", options.folder / "peer"
    archives = [options.folder / name for name in ("f32", "q4_0")] + [peer]
    if not checkpoint.exists():
        make_checkpoint(checkpoint)
    for folder in archives:
        if (folder / "manifest.json").exists():
            continue
        if folder == peer:
            export("torch_to_nnef, f32", [
                pathlib.Path(sys.executable).parent / "t2n_export_llm_to_tract", "-d", checkpoint, "-e", peer, "--no-verify", "-iaed",
                "--tract-specific-path", programs / "tract-run"])
            peer_manifest(archives[0], peer)
        else:
            form = [] if folder.name == "f32" else ["--quantize", folder.name]
            export(f"export_language_model, {folder.name}", [
                sys.executable, RECIPE, checkpoint, "-o", folder, "--no-check", *form])
    for folder in archives:
        subprocess.run([programs / "generate", folder, "--check"], check=True)
    for _ in range(options.rounds):
        for folder in archives:
            generate(programs / "generate", folder)


if __name__ == "__main__":
    main()
