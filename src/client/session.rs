//! One caller at one runtime: the contract check, and the catalog brought up to date.
//!
//! Both are remembered in the cache, so that a command costs one question whether the catalog is still the same.

use std::time::SystemTime;

use crate::base::time::unix_millis;
use crate::contract::{CAPABILITY_CATALOG_SUMMARY, CONTRACT_VERSION, ErrorCode, RuntimeInfo};

use super::cache::{Cache, CatalogKey, Contract};
use super::index::{self, Index};
use super::runtime::{CatalogAnswer, CatalogAsk, ClientError, Runtime};
use super::search::{self, Searchable};

/// What the client cannot do without.
const NEEDED: [&str; 1] = ["catalog"];

/// A runtime, and what is remembered about it.
pub struct Session<'a> {
    /// The calls.
    pub runtime: Runtime<'a>,
    /// `None` when there is no place to keep anything.
    pub cache: Option<Cache>,
    /// Which part of the catalog; `summary` is filled in by the contract check.
    pub ask: CatalogAsk,
    /// The present time.
    pub now: SystemTime,
}

impl Session<'_> {
    /// What the runtime can do, checked against this client; remembered for ten minutes.
    pub fn contract(&self) -> Result<Contract, ClientError> {
        let remembered = self.cache.as_ref().and_then(|cache| cache.contract(self.runtime.target, self.now));
        match remembered {
            Some(contract) => Ok(contract),
            None => self.contract_now(),
        }
    }

    /// As [`Session::contract`], asked anew.
    pub fn contract_now(&self) -> Result<Contract, ClientError> {
        let (info, _) = self.runtime.info()?;
        let contract = self.checked(&info)?;
        if let Some(cache) = &self.cache {
            cache.keep_contract(self.runtime.target, &contract);
        }
        Ok(contract)
    }

    /// Checks what `info` says against this client.
    pub fn checked(&self, info: &RuntimeInfo) -> Result<Contract, ClientError> {
        let runtime = self.runtime.target;
        if major(&info.contract_version) != major(CONTRACT_VERSION) {
            return Err(ClientError::Mismatch(format!(
                "the runtime at {runtime} speaks contract {}, this client speaks {CONTRACT_VERSION}",
                info.contract_version.escape_debug()
            )));
        }
        let missing: Vec<&str> =
            NEEDED.into_iter().filter(|needed| !info.capabilities.iter().any(|known| known == needed)).collect();
        if !missing.is_empty() {
            return Err(ClientError::Mismatch(format!(
                "the runtime at {runtime} does not offer what this client needs: {}",
                missing.join(", ")
            )));
        }
        Ok(Contract {
            version: info.contract_version.clone(),
            capabilities: info.capabilities.clone(),
            checked_at: unix_millis(self.now),
        })
    }

    /// The question for the catalog, in the words that the runtime knows.
    pub fn ask(&self, contract: &Contract) -> CatalogAsk {
        CatalogAsk { summary: contract.has(CAPABILITY_CATALOG_SUMMARY), ..self.ask.clone() }
    }

    /// The catalog as it is now: from the cache when the runtime says it is the same.
    pub fn index(&self) -> Result<Index, ClientError> {
        self.doubted(self.contract().and_then(|contract| self.index_as(&contract)))
    }

    /// The whole catalog as it is now, in the form in which it is searched: from the cache when the runtime says it is the same.
    pub fn searchable(&self) -> Result<Searchable, ClientError> {
        self.doubted(self.contract().and_then(|_| self.searchable_now()))
    }

    /// Another program may have taken the place of the one that was checked: then it is checked again the next time.
    fn doubted<T>(&self, result: Result<T, ClientError>) -> Result<T, ClientError> {
        let doubtful = match &result {
            Err(ClientError::Garbled { .. }) => true,
            Err(ClientError::Refused(refusal)) => {
                matches!(refusal.code, None | Some(ErrorCode::BadRequest | ErrorCode::NotFound))
            }
            _ => false,
        };
        if let (true, Some(cache)) = (doubtful, &self.cache) {
            cache.drop_contract(self.runtime.target);
        }
        result
    }

    fn index_as(&self, contract: &Contract) -> Result<Index, ClientError> {
        let ask = self.ask(contract);
        let target = self.runtime.target;
        let who = self.runtime.caller.credential()?;
        let cached =
            self.cache.as_ref().and_then(|cache| cache.index(CatalogKey { target, who: who.identity(), ask: &ask }));
        let etag = cached.as_ref().and_then(|index| index.header().etag.clone());
        match (self.runtime.catalog(&ask, etag.as_deref())?, cached) {
            (CatalogAnswer::Unchanged, Some(index)) => Ok(index),
            (CatalogAnswer::Unchanged, None) => Err(garbled("304 without a question")),
            (CatalogAnswer::Whole { etag, body }, _) => {
                let bytes = index::encode(&body, etag.as_deref()).map_err(|cause| garbled(&cause))?;
                if let (Some(cache), true) = (&self.cache, etag.is_some()) {
                    // The token may be another one than before the question.
                    let who = self.runtime.caller.credential()?;
                    cache.keep_index(CatalogKey { target, who: who.identity(), ask: &ask }, &bytes);
                }
                Index::from_bytes(bytes).ok_or_else(|| garbled("it has names that cannot be kept"))
            }
        }
    }

    fn searchable_now(&self) -> Result<Searchable, ClientError> {
        // Summaries have no descriptions.
        let ask = CatalogAsk { summary: false, ..self.ask.clone() };
        let target = self.runtime.target;
        let who = self.runtime.caller.credential()?;
        let cached = self
            .cache
            .as_ref()
            .and_then(|cache| cache.searchable(CatalogKey { target, who: who.identity(), ask: &ask }));
        let etag = cached.as_ref().and_then(|cached| cached.index.header().etag.clone());
        match (self.runtime.catalog(&ask, etag.as_deref())?, cached) {
            (CatalogAnswer::Unchanged, Some(cached)) => Ok(cached),
            (CatalogAnswer::Unchanged, None) => Err(garbled("304 without a question")),
            (CatalogAnswer::Whole { etag, body }, _) => {
                let bytes = search::encode(&body, etag.as_deref()).map_err(|cause| garbled(&cause))?;
                if let (Some(cache), true) = (&self.cache, etag.is_some()) {
                    // The token may be another one than before the question.
                    let who = self.runtime.caller.credential()?;
                    cache.keep_searchable(CatalogKey { target, who: who.identity(), ask: &ask }, &bytes);
                }
                Searchable::from_bytes(&bytes).ok_or_else(|| garbled("it has names that cannot be kept"))
            }
        }
    }

    /// A tool with all that a summary leaves out, as it was last seen beside this index, without asking.
    pub fn remembered_tool(&self, index: &Index, id: &str) -> Option<Vec<u8>> {
        let who = self.runtime.caller.identity()?;
        self.cache.as_ref()?.tool(self.key(&who), state(index), id)
    }

    /// Remembers a tool beside the index that led to it.
    pub fn keep_tool(&self, index: &Index, id: &str, bytes: &[u8]) {
        if let (Some(cache), Some(who)) = (&self.cache, self.runtime.caller.identity()) {
            cache.keep_tool(self.key(&who), state(index), id, bytes);
        }
    }

    /// When what [`Session::index`] would compare with the runtime's was kept; `None` when nothing is.
    pub fn kept_at(&self) -> Option<SystemTime> {
        let cache = self.cache.as_ref()?;
        let who = self.runtime.caller.identity()?;
        let kept = |summary| {
            let ask = CatalogAsk { summary, ..self.ask.clone() };
            cache.kept_at(CatalogKey { ask: &ask, ..self.key(&who) })
        };
        kept(true).or_else(|| kept(false))
    }

    /// What could be searched the last time, without asking: while the runtime is away.
    pub fn remembered_searchable(&self) -> Option<Searchable> {
        let who = self.runtime.caller.identity()?;
        let ask = CatalogAsk { summary: false, ..self.ask.clone() };
        self.cache.as_ref()?.searchable(CatalogKey { ask: &ask, ..self.key(&who) })
    }

    /// The catalog as it was last seen, without asking: help is there at once.
    pub fn remembered_index(&self) -> Option<Index> {
        let who = self.runtime.caller.identity()?;
        self.cache.as_ref()?.remembered_index(self.key(&who))
    }

    fn key<'s>(&'s self, who: &'s str) -> CatalogKey<'s> {
        CatalogKey { target: self.runtime.target, who, ask: &self.ask }
    }
}

/// What names the catalog that an index is of.
fn state(index: &Index) -> &str {
    index.header().etag.as_deref().unwrap_or(&index.header().fingerprint)
}

fn garbled(cause: &str) -> ClientError {
    ClientError::Garbled { call: "GET /v1/catalog/effective".to_owned(), cause: cause.to_owned() }
}

fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::auth::Credential;
    use crate::client::runtime::Timeouts;
    use crate::client::target;
    use crate::http::{Limits, Request, Response, Transport, TransportError, TransportErrorKind};

    struct Nobody;

    impl Transport for Nobody {
        fn send(&self, _: &Request, _: Limits) -> Result<Response, TransportError> {
            let (kind, message) = (TransportErrorKind::Connect, "nobody".to_owned());
            Err(TransportError { kind, may_have_been_sent: false, message })
        }
    }

    #[track_caller]
    fn check(version: &str, capabilities: &[&str], expected: Result<(), &str>) {
        let target = target::resolve(Some("http://r:1"), None, None).unwrap();
        let runtime = Runtime {
            transport: &Nobody,
            target: &target,
            caller: &Credential::Anonymous,
            trail: None,
            timeouts: Timeouts::DEFAULT,
            watch: None,
        };
        let session = Session { runtime, cache: None, ask: CatalogAsk::default(), now: SystemTime::UNIX_EPOCH };
        let info = RuntimeInfo {
            contract_version: version.to_owned(),
            capabilities: capabilities.iter().map(|&text| text.to_owned()).collect(),
            ..RuntimeInfo::default()
        };
        match (session.checked(&info), expected) {
            (Ok(_), Ok(())) => {}
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (found, _) => panic!("{version}: {found:?}"),
        }
    }

    #[test]
    fn only_the_major_version_and_the_catalog_count() {
        check("1.1", &["catalog"], Ok(()));
        check("1.9", &["execute", "catalog"], Ok(()));
        check("2.0", &["catalog"], Err("speaks contract 2.0"));
        check("", &["catalog"], Err("contract_mismatch"));
        check("1.1", &["execute"], Err("needs: catalog"));
    }
}
