//! JSON Schemas (2020-12) of what goes over the wire, by the names of their types: `components.schemas` of `/openapi.json`.
//!
//! They are written by hand, as the words in them are; the tests hold them to the types. Objects that clients read are open, as
//! members may come to them, but for the catalog's root; those that the toolbox reads are closed, as it refuses what it does not
//! know.

/// The schemas, as the text of a JSON object.
pub fn json() -> &'static str {
    include_str!("schemas.json")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt;

    use serde::de::value::Error;
    use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
    use serde::{Serialize, forward_to_deserialize_any};
    use serde_json::{Value, json};

    use crate::catalog::{
        AuthAlternative, AuthRequirement, Backend, BodyContent, Catalog, Encoding, FetchRecord, Guidance,
        GuidanceExample, OAuthFlow, Output, Pagination, Parameter, Provenance, RequestBody, Retry, Safety,
        ServiceRecord, SourceRecord, Tool, View, Workflow, WorkflowStep,
    };
    use crate::contract::policy::{
        PolicyExplainRequest, PolicyExplainResponse, PolicyExplanation, PolicyPattern, PolicyPlace, PolicyRule,
    };
    use crate::contract::{
        AuthInfo, BrowserConfig, BrowserLoginInfo, DryRunResponse, EnvelopeInfo, ExecuteRequest, ExecuteResponse,
        HeartbeatRequest, HeartbeatResponse, Lifecycle, Problem, ProtectedResource, RefreshResponse, RefreshedSource,
        RequestFile, RuntimeInfo, SessionCloseRequest, SessionCloseResponse, SourceProblem, SourceStatus,
        SourcesResponse, UpstreamFinishRequest, UpstreamLoggedOut, UpstreamLogin, UpstreamLogins,
        UpstreamLogoutRequest, UpstreamStartRequest, UpstreamStarted,
    };

    /// Learns a struct's members as its derived reader asks for them, and gives nothing.
    struct Probe<'a>(&'a mut Vec<&'static str>);

    impl<'de> Deserializer<'de> for Probe<'_> {
        type Error = Error;

        fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
            Err(Error::custom("no struct"))
        }

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _name: &'static str,
            fields: &'static [&'static str],
            _visitor: V,
        ) -> Result<V::Value, Error> {
            self.0.extend(fields);
            Err(Error::custom("that is enough"))
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    fn schema(name: &str) -> Value {
        let all: Value = serde_json::from_str(super::json()).unwrap();
        all[name].clone()
    }

    fn texts(list: &Value) -> BTreeSet<String> {
        list.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
    }

    fn members(value: &Value) -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    }

    #[track_caller]
    fn check_members<'de, T: Deserialize<'de> + fmt::Debug>(name: &str) {
        let mut fields = Vec::new();
        T::deserialize(Probe(&mut fields)).unwrap_err();
        assert!(!fields.is_empty(), "{name} is no struct");
        let fields: BTreeSet<String> = fields.into_iter().map(str::to_owned).collect();
        assert_eq!(members(&schema(name)["properties"]), fields, "{name}");
    }

    #[track_caller]
    fn check_required<T: Default + Serialize>(name: &str) {
        let least = serde_json::to_value(T::default()).unwrap();
        assert_eq!(texts(&schema(name)["required"]), members(&least), "{name}");
    }

    macro_rules! of_types {
        ($check:ident: $($name:ident),+ $(,)?) => { $($check::<$name>(stringify!($name));)+ };
    }

    #[test]
    fn schemas_have_the_members_of_their_types() {
        of_types!(check_members:
            AuthAlternative, AuthInfo, AuthRequirement, Backend, BodyContent, BrowserConfig, BrowserLoginInfo, Catalog,
            DryRunResponse, Encoding, EnvelopeInfo, ExecuteRequest, ExecuteResponse, FetchRecord, Guidance,
            GuidanceExample, HeartbeatRequest, HeartbeatResponse, Lifecycle, OAuthFlow, Output, Pagination,
            Parameter, PolicyExplainRequest, PolicyExplainResponse, PolicyExplanation, PolicyPattern, PolicyPlace,
            PolicyRule, Problem, ProtectedResource, Provenance, RefreshResponse, RefreshedSource, RequestBody,
            RequestFile, Retry, RuntimeInfo, Safety, ServiceRecord, SessionCloseRequest, SessionCloseResponse,
            SourceProblem, SourceRecord, SourceStatus, SourcesResponse, Tool, UpstreamFinishRequest, UpstreamLoggedOut, UpstreamLogin, UpstreamLogins,
            UpstreamLogoutRequest, UpstreamStartRequest, UpstreamStarted, View, Workflow, WorkflowStep,
        );
    }

    #[test]
    fn what_is_always_there_is_required() {
        of_types!(check_required:
            AuthAlternative, AuthInfo, AuthRequirement, Backend, BrowserConfig, BrowserLoginInfo, Catalog, DryRunResponse,
            EnvelopeInfo, ExecuteResponse, FetchRecord, Guidance, GuidanceExample, HeartbeatResponse, Lifecycle, OAuthFlow,
            Output, Pagination, PolicyExplainResponse, PolicyExplanation, PolicyPattern, PolicyPlace, PolicyRule,
            ProtectedResource, Provenance, RefreshResponse, RefreshedSource, Retry, RuntimeInfo, Safety,
            SessionCloseResponse, SourceProblem, SourceStatus, SourcesResponse, Tool, UpstreamLoggedOut, UpstreamLogin, UpstreamLogins, UpstreamStarted,
        );
    }

    #[test]
    fn requests_need_what_their_schemas_require_and_are_closed() {
        fn read<T: for<'de> Deserialize<'de>>(name: &str, least: &Value) {
            let schema = schema(name);
            assert_eq!(texts(&schema["required"]), members(least), "{name}");
            assert_eq!(schema["additionalProperties"], false, "{name}");
            assert!(serde_json::from_value::<T>(least.clone()).is_ok(), "{name}");
            for member in members(least) {
                let mut less = least.clone();
                less.as_object_mut().unwrap().remove(&member);
                assert!(serde_json::from_value::<T>(less).is_err(), "{name} without {member}");
            }
        }
        read::<ExecuteRequest>("ExecuteRequest", &json!({"toolId": "a:b"}));
        read::<HeartbeatRequest>("HeartbeatRequest", &json!({"sessionId": "a"}));
        read::<SessionCloseRequest>("SessionCloseRequest", &json!({}));
        read::<PolicyExplainRequest>("PolicyExplainRequest", &json!({}));
        read::<UpstreamStartRequest>("UpstreamStartRequest", &json!({}));
        read::<UpstreamFinishRequest>("UpstreamFinishRequest", &json!({"state": "a", "code": "b"}));
        read::<UpstreamLogoutRequest>("UpstreamLogoutRequest", &json!({"service": "a"}));
    }

    #[test]
    fn null_in_a_request_is_as_nothing() {
        fn read<T: for<'de> Deserialize<'de>>(name: &str, mut ask: Value) {
            let schema = schema(name);
            let members = schema["properties"].as_object().unwrap().iter();
            for (member, _) in members.filter(|(_, schema)| schema.to_string().contains("null")) {
                ask[member] = Value::Null;
            }
            assert!(serde_json::from_value::<T>(ask).is_ok(), "{name}");
        }
        read::<ExecuteRequest>("ExecuteRequest", json!({"toolId": "a:b"}));
        read::<HeartbeatRequest>("HeartbeatRequest", json!({"sessionId": "a"}));
        read::<SessionCloseRequest>("SessionCloseRequest", json!({}));
        read::<PolicyExplainRequest>("PolicyExplainRequest", json!({}));
        read::<UpstreamStartRequest>("UpstreamStartRequest", json!({}));
        read::<UpstreamFinishRequest>("UpstreamFinishRequest", json!({"state": "a", "code": "b"}));
        read::<UpstreamLogoutRequest>("UpstreamLogoutRequest", json!({"service": "a"}));
    }

    #[test]
    fn every_reference_leads_to_a_schema() {
        fn walk(value: &Value, known: &BTreeSet<String>) {
            match value {
                Value::Object(object) => {
                    if let Some(Value::String(reference)) = object.get("$ref") {
                        let name = reference.strip_prefix("#/components/schemas/").unwrap();
                        assert!(known.contains(name), "{reference}");
                    }
                    object.values().for_each(|value| walk(value, known));
                }
                Value::Array(items) => items.iter().for_each(|item| walk(item, known)),
                _ => {}
            }
        }
        let all: Value = serde_json::from_str(super::json()).unwrap();
        walk(&all, &members(&all));
    }
}
