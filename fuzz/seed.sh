#!/bin/sh
# Fills fuzz/corpus/<target> with the repository's fixtures. Usage: fuzz/seed.sh compiled|lightgbm|manifest|onnx|payload|pickle|segment|skops|xgboost
set -eu
cd "$(dirname "$0")/.."
target="$1"
case "$target" in
    pickle) pattern='*.pkl' ;;
    skops) pattern='*.skops' ;;
    onnx) pattern='*.onnx' ;;
    lightgbm) pattern='model.lgb lgb_*.txt' ;;
    compiled) pattern='' ;;
    manifest) pattern='MLmodel' ;;
    payload) pattern='' ;;
    # Its input is edits of a segment that it writes itself.
    segment) exit 0 ;;
    xgboost) pattern='model.ubj model.json ubj_*.ubj xgb_*.json' ;;
    *) echo "unknown target: $target" >&2; exit 2 ;;
esac
mkdir -p "fuzz/corpus/$target"
if [ "$target" = compiled ]; then
    for folder in sk13_gb_clf_bin/model_cloudpickle sk13_hgb_reg_categorical/model_cloudpickle sk13_sk_pipeline_xgb/model_cloudpickle \
        sk19_iforest_subfeatures/model_cloudpickle sk19_lgb_categorical/model_cloudpickle sk19_rf_reg/model_cloudpickle; do
        cargo run --quiet -p atalaya-model --example compiled_form "fixtures/models/$folder" key \
            >"fuzz/corpus/compiled/$(echo "$folder" | tr / _)"
    done
    exit 0
fi
if [ "$target" = payload ]; then
    # The first byte chooses the format: even for JSON, odd for CSV.
    printf '0{"dataframe_records": [{"bmi": 27.3, "age": 45, "sex": "f", "smoker": true}]}' >"fuzz/corpus/payload/records"
    printf '0{"dataframe_split": {"columns": ["bmi"], "index": [0], "data": [[null]]}}' >"fuzz/corpus/payload/split"
    printf '0{"instances": [[27.3, "45", "\\ud83d\\ude00", 1]], "params": {}, "stream": true}' >"fuzz/corpus/payload/instances"
    printf '0{"inputs": {"bmi": [1e-3, -0.0], "age": [4.5e1, null]}}' >"fuzz/corpus/payload/inputs"
    printf '1bmi,age,sex,smoker\n27.3,45,"a ""b""",true\n' >"fuzz/corpus/payload/csv"
    printf '0{"inputs": {"bmi": [1], "at": ["2026-01-02T03:04:05Z"], "raw": ["aGk="]}, "params": {"t": 1, "stop": ["a"], "more": {}}}' >"fuzz/corpus/payload/params"
    printf '2{"inputs": {"bmi": [NaN, -Infinity], "n": [1, null], "f": [0.1, Infinity]}}' >"fuzz/corpus/payload/words"
    exit 0
fi
set -f
for name in $pattern; do
    find fixtures/models fixtures/onnx fixtures/hostile fixtures/payloads -name "$name" -type f | while read -r file; do
        cp "$file" "fuzz/corpus/$target/$(sha256sum "$file" | cut -c1-40)"
    done
done
