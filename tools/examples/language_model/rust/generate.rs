//! generate FOLDER ID,ID,... [TOKENS]: continues a text greedily.
use tract_nnef::internal::*;
use tract_transformers::WithTractTransformers;

fn main() -> TractResult<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let folder = std::path::Path::new(&arguments[1]);
    let prompt: Vec<i64> = arguments[2].split(',').map(str::parse).collect::<Result<_, _>>()?;
    let count: usize = arguments.get(3).map_or(Ok(32), |text| text.parse())?;
    let manifest: serde_json::Value = serde_json::from_reader(std::fs::File::open(folder.join("manifest.json"))?)?;
    let archive = folder.join(manifest["archive"].as_str().context("archive")?);
    let nnef = tract_nnef::nnef().with_tract_transformers();
    let model = nnef.model_for_path(archive)?.into_optimized()?.into_runnable()?;

    // Inputs and outputs are in the manifest's order: the tokens or the logits, then the cache.
    let mut cache: Vec<TValue> = manifest["cache"].as_array().context("cache")?.iter().map(|one| {
        let shape: Vec<usize> = serde_json::from_value(one["shape"].clone())?;
        Tensor::zero::<f32>(&shape).map(Into::into)
    }).collect::<TractResult<_>>()?;
    let (mut new, mut written) = (prompt, vec![]);
    while written.len() < count {
        let tokens = tract_ndarray::Array2::from_shape_vec((1, new.len()), new)?.into_tensor();
        let mut inputs = tvec!(tokens.into());
        inputs.extend(cache);
        let mut outputs = model.run(inputs)?.into_iter();
        let logits = outputs.next().context("logits")?;
        cache = outputs.collect();
        let vocabulary = *logits.shape().last().context("logits without axes")?;
        let logits = logits.to_plain_array_view::<f32>()?;
        let logits = logits.as_slice().context("logits in another order")?;
        let last = &logits[logits.len() - vocabulary..]; // of the last token, also with --logits all
        let best = (0..vocabulary).max_by(|&a, &b| last[a].total_cmp(&last[b])).context("no logits")?;
        written.push(best as i64);
        new = vec![best as i64];
    }
    println!("{}", written.iter().map(i64::to_string).collect::<Vec<_>>().join(","));
    Ok(())
}
