//! Workflows of all sources, bound to the tools of the catalog (contract 8, pure).
//!
//! Key type: [`Plan`], a document that goes with a service. What the config names may call every service; what a publisher's metadata names
//! calls that publisher's tools alone (H45).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::build::{About, Problem, Severity};
use super::{Catalog, Workflow};
use crate::arazzo::{self, Located, Operation, Service};
use crate::base::id::{ServiceId, SourceId};
use crate::base::url::Url;
use crate::config::Config;

/// A document of workflows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The source it goes with.
    pub source: SourceId,
    /// The service it goes with.
    pub service: ServiceId,
    /// Where it is, as the config or the publisher says.
    pub asked: Url,
    /// Where it was found.
    pub url: Url,
    /// Whether the config names it.
    pub by_config: bool,
    /// What it says.
    pub description: arazzo::Description,
}

/// Binds the catalog's plans: its workflows, sorted by id, and why others are left out.
pub fn bind(catalog: &Catalog, config: &Config) -> (Vec<Workflow>, Vec<Problem>) {
    if catalog.plans.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let starts = starts(catalog, config);
    let (named, found): (Vec<_>, Vec<_>) = catalog.plans.iter().partition(|plan| plan.by_config);
    let mut binding = Binding { catalog, starts: &starts, workflows: Vec::new(), problems: Vec::new() };
    binding.bind(&named, None);
    let sources: BTreeSet<&SourceId> = found.iter().map(|plan| &plan.source).collect();
    for source in sources {
        let own: Vec<&Arc<Plan>> = found.iter().filter(|plan| plan.source == *source).copied().collect();
        binding.bind(&own, Some(source));
    }
    let Binding { mut workflows, problems, .. } = binding;
    workflows.sort_by(|a, b| a.workflow_id.cmp(&b.workflow_id));
    (workflows, problems)
}

/// Where the config says that sources are, by their place in the catalog.
fn starts(catalog: &Catalog, config: &Config) -> Vec<Option<Url>> {
    let start = |id: &SourceId| config.sources.get(id)?.kind.location()?.url();
    catalog.sources.iter().map(|source| start(&source.id)).collect()
}

struct Binding<'a> {
    catalog: &'a Catalog,
    starts: &'a [Option<Url>],
    workflows: Vec<Workflow>,
    problems: Vec<Problem>,
}

impl<'a> Binding<'a> {
    /// Binds plans to the services of one source, or of all.
    fn bind(&mut self, plans: &[&'a Arc<Plan>], only: Option<&SourceId>) {
        let located: Vec<Located<'_>> = plans
            .iter()
            .map(|plan| Located {
                url: &plan.url,
                service: Some(plan.service.as_str()),
                description: &plan.description,
            })
            .collect();
        let bound = arazzo::bind(&located, &self.services(only));
        for problem in bound.problems {
            let Some(plan) = plans.get(problem.document) else { continue };
            self.tell(plan, &problem.place, problem.to_string());
        }
        for workflow in bound.workflows {
            match self.workflows.iter().any(|known| known.workflow_id == workflow.workflow_id) {
                false => self.workflows.push(workflow),
                true => {
                    let id = &workflow.workflow_id;
                    let message = format!("the workflow `{id}` is left out: another one has its id");
                    // Of several documents the first one that has it was bound.
                    if let Some(plan) = plans.iter().find(|plan| plan.description.has_workflow(id)) {
                        self.tell(plan, "", message);
                    }
                }
            }
        }
    }

    fn services(&self, only: Option<&SourceId>) -> Vec<Service<'a>> {
        let services = self.catalog.services.iter().filter(|service| only.is_none_or(|id| service.source_id == *id));
        services
            .map(|service| Service {
                id: service.id.as_str(),
                alias: &service.alias,
                source: service.source_id.as_str(),
                documents: self.documents(&service.source_id, &service.id),
                operations: self.operations(&service.id),
            })
            .collect()
    }

    /// The description that a service is read from. Services of a source with one description share it.
    fn documents(&self, source: &SourceId, service: &ServiceId) -> Vec<&'a Url> {
        let Some(at) = self.catalog.sources.iter().position(|known| known.id == *source) else { return Vec::new() };
        let described = &self.catalog.sources[at].provenance.descriptions;
        let own = described.iter().filter(|one| described.len() == 1 || one.service == *service).map(|one| &one.url);
        let start = self.starts[at].as_ref().filter(|_| described.len() <= 1);
        own.chain(start).collect()
    }

    fn operations(&self, service: &ServiceId) -> Vec<Operation<'a>> {
        let tools = self.catalog.tools.iter().filter(|tool| tool.service_id == *service);
        tools
            .map(|tool| Operation {
                method: &tool.method,
                path: &tool.path,
                operation_id: &tool.operation_id,
                tool: &tool.id,
            })
            .collect()
    }

    fn tell(&mut self, plan: &Plan, place: &str, message: String) {
        self.problems.push(Problem {
            source: plan.source.clone(),
            severity: Severity::Error,
            place: super::build::within(&plan.url, place),
            message,
            about: if plan.by_config { About::NamedWorkflow } else { About::Workflow },
        });
    }
}
