//! `GET /api/2.0/serving-endpoints/{name}/openapi`: an OpenAPI document made from the served models' signatures.

use atalaya_model::{ColumnSpec, ColumnType, Signature};
use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Map, Value, json};

use super::serving_endpoints::known_name;
use crate::api::error::ApiResult;
use crate::api::origin::Origin;
use crate::app::App;

/// How to call the endpoint, and each of its served entities directly.
pub(super) async fn document(
    State(app): State<App>,
    Path(name): Path<String>,
    origin: Origin,
) -> ApiResult<Json<Value>> {
    let name = known_name(&name)?;
    let signatures = app.served_signatures(&name).await?;
    Ok(Json(describe(name.as_str(), origin.as_str(), &signatures)))
}

/// The document. Requests to the endpoint fit any of its entities, for the split decides which one answers.
fn describe(endpoint: &str, server: &str, signatures: &[(String, Signature)]) -> Value {
    let any: Vec<Value> = signatures.iter().flat_map(|(_, signature)| shapes(signature)).collect();
    let mut paths = Map::new();
    paths.insert(
        format!("/serving-endpoints/{endpoint}/invocations"),
        path("invoke", "Scores by the split.", &any),
    );
    for (entity, signature) in signatures {
        let at = format!("/serving-endpoints/{endpoint}/served-models/{entity}/invocations");
        let id = format!("invoke_{entity}");
        paths.insert(at, path(&id, "Scores with this served entity.", &shapes(signature)));
    }
    json!({
        "openapi": "3.1.0",
        "info": {"title": endpoint, "version": "1"},
        "servers": [{"url": server}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    })
}

fn path(id: &str, summary: &str, shapes: &[Value]) -> Value {
    let answer = json!({"type": "object", "required": ["predictions"],
        "properties": {"predictions": {"type": "array", "description": "One prediction per row, in order."}}});
    let error = json!({"type": "object", "required": ["error_code", "message"],
        "properties": {"error_code": {"type": "string"}, "message": {"type": "string"}}});
    let refused = json!({"description": "Why not", "content": {"application/json": {"schema": error}}});
    json!({"post": {
        "operationId": id,
        "summary": summary,
        "requestBody": {"required": true, "content": {
            "application/json": {"schema": {"anyOf": shapes}},
            "text/csv": {"schema": {"type": "string", "description": "A header line with the columns, then rows."}},
        }},
        "responses": {
            "200": {"description": "Predictions", "content": {"application/json": {"schema": answer}}},
            "4XX": refused,
            "503": refused,
        },
    }})
}

/// The four shapes of a JSON body.
fn shapes(signature: &Signature) -> Vec<Value> {
    let columns = signature.inputs();
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let required: Vec<&str> = columns
        .iter()
        .filter(|c| c.required)
        .map(|column| column.name.as_str())
        .collect();
    let properties: Map<String, Value> = columns.iter().map(|c| (c.name.clone(), cell(c))).collect();
    let record = json!({"type": "object", "required": required, "properties": properties});
    let records = json!({"type": "array", "minItems": 1, "items": record});
    let whole: Map<String, Value> = columns
        .iter()
        .map(|c| (c.name.clone(), json!({"type": "array", "items": cell(c)})))
        .collect();
    let split = json!({"type": "object", "required": ["columns", "data"], "properties": {
        "columns": {"type": "array", "items": {"type": "string"}, "examples": [names]},
        "data": {"type": "array", "items": {"type": "array"}},
        "index": {"type": "array"},
    }});
    vec![
        only("dataframe_records", &records),
        only("dataframe_split", &split),
        only("instances", &records),
        only(
            "inputs",
            &json!({"type": "object", "required": required, "properties": whole}),
        ),
    ]
}

fn only(key: &str, schema: &Value) -> Value {
    json!({"type": "object", "required": [key], "properties": {key: schema}})
}

fn cell(column: &ColumnSpec) -> Value {
    let (kind, format) = match column.kind {
        ColumnType::Long => ("integer", Some("int64")),
        ColumnType::Integer => ("integer", Some("int32")),
        ColumnType::Double => ("number", Some("double")),
        ColumnType::Float => ("number", Some("float")),
        ColumnType::Boolean => ("boolean", None),
        ColumnType::String => ("string", None),
        ColumnType::Datetime => ("string", Some("date-time")),
        ColumnType::Binary => ("string", Some("byte")),
    };
    let mut schema = if column.nullable() {
        json!({"type": [kind, "null"]})
    } else {
        json!({"type": kind})
    };
    if let Some(format) = format {
        schema["format"] = json!(format);
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_names_every_column_with_its_type() {
        let columns = vec![
            ColumnSpec::required("age", ColumnType::Long),
            ColumnSpec::required("bmi", ColumnType::Double),
        ];
        let signature = Signature::new(columns, Vec::new(), Vec::new()).expect("signature");
        let document = describe("diabetes", "http://h", &[("m-1".to_owned(), signature)]);
        let post = &document["paths"]["/serving-endpoints/diabetes/invocations"]["post"];
        let shapes = &post["requestBody"]["content"]["application/json"]["schema"]["anyOf"];
        assert_eq!(shapes.as_array().map(Vec::len), Some(4));
        let record = &shapes[0]["properties"]["dataframe_records"]["items"];
        assert_eq!(record["required"], json!(["age", "bmi"]));
        assert_eq!(
            record["properties"]["age"],
            json!({"type": "integer", "format": "int64"})
        );
        assert!(document["paths"]["/serving-endpoints/diabetes/served-models/m-1/invocations"].is_object());
    }
}
