//! Steps to tools, and workflows within workflows to one list of steps.
//!
//! A workflow that calls itself, by whatever detour, has no such list and is left out, as is one that calls a workflow that is left out.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::index::{Index, Service, UNUSABLE};
use super::reference::{operation_id, operation_path, workflow_id};
use super::{Call, Description, Kind, MAX_BOUND, MAX_CHARS, MAX_STEPS, Plan, Step, Workflow, WorkflowStep};
use crate::base::id::ToolId;
use crate::base::name::nearest;
use crate::base::url::Url;

/// Steps of one workflow of which a problem is reported.
const MAX_PROBLEMS: usize = 5;

/// Calls that are followed to show a circle.
const MAX_TRAIL: usize = 100;

/// A document and where it is from.
#[derive(Clone, Copy, Debug)]
pub struct Located<'a> {
    /// Where it was brought from.
    pub url: &'a Url,
    /// The service whose `workflows` or metadata lists it.
    pub service: Option<&'a str>,
    /// What it says.
    pub description: &'a Description,
}

impl Located<'_> {
    pub(super) fn base(&self) -> Url {
        self.description.base(self.url)
    }
}

/// What became of all documents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bound {
    /// In the order of the documents, and of the workflows in them.
    pub workflows: Vec<Workflow>,
    /// Why workflows are left out: errors, in the same order.
    pub problems: Vec<Problem>,
}

/// Why a workflow is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The document, by its place among those given.
    pub document: usize,
    /// JSON pointer of the workflow or step.
    pub place: String,
    /// As published, or its place when it has no id.
    pub workflow: String,
    /// As published, when it is about one step.
    pub step: Option<String>,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { workflow, reason, .. } = self;
        match &self.step {
            Some(step) => write!(f, "the workflow `{workflow}` is left out: step `{step}`: {reason}"),
            None => write!(f, "the workflow `{workflow}` is left out: {reason}"),
        }
    }
}

/// Binds the workflows of all documents to the operations of all services. Ids are unique over all documents: of two workflows with one
/// id, the one of the earlier document stays.
pub fn bind(documents: &[Located<'_>], services: &[Service<'_>]) -> Bound {
    let mut binder = Binder::new(documents);
    binder.faults();
    binder.duplicates();
    binder.resolve(&Index::new(services));
    binder.expand();
    binder.bound()
}

/// A workflow, by its place among all of them.
type At = usize;

/// A step whose reference was looked up.
enum Resolved {
    Tool(ToolId),
    Workflow(At),
}

enum State {
    /// Steps are not bound yet.
    Open(Vec<Resolved>),
    Done(Vec<WorkflowStep>),
    Failed,
}

struct Entry<'a> {
    document: usize,
    plan: &'a Plan,
    state: State,
}

struct Binder<'a> {
    documents: &'a [Located<'a>],
    entries: Vec<Entry<'a>>,
    /// By document and id.
    known: HashMap<(usize, &'a str), At>,
    problems: Vec<Problem>,
}

impl<'a> Binder<'a> {
    fn new(documents: &'a [Located<'a>]) -> Self {
        let mut binder = Self { documents, entries: Vec::new(), known: HashMap::new(), problems: Vec::new() };
        for (document, located) in documents.iter().enumerate() {
            for plan in &located.description.plans {
                binder.known.insert((document, plan.id.as_str()), binder.entries.len());
                binder.entries.push(Entry { document, plan, state: State::Open(Vec::new()) });
            }
        }
        binder
    }

    fn faults(&mut self) {
        for (document, located) in self.documents.iter().enumerate() {
            self.problems.extend(located.description.faults.iter().map(|fault| Problem {
                document,
                place: fault.place.clone(),
                workflow: fault.workflow.clone(),
                step: fault.step.clone(),
                reason: fault.reason.clone(),
            }));
        }
    }

    fn duplicates(&mut self) {
        let mut first: HashMap<&str, usize> = HashMap::new();
        for at in 0..self.entries.len() {
            let Entry { document, plan, .. } = &self.entries[at];
            let (document, earlier) = (*document, *first.entry(plan.id.as_str()).or_insert(*document));
            if earlier != document {
                let url = self.documents[earlier].url.public();
                self.fail(at, None, format!("its id is taken by a workflow of `{url}`"));
            }
        }
    }

    /// Leaves a workflow out; `step` is the place of what is to blame.
    fn fail(&mut self, at: At, step: Option<usize>, reason: String) {
        let entry = &mut self.entries[at];
        entry.state = State::Failed;
        let place = step.map_or_else(|| entry.plan.place.clone(), |step| format!("{}/steps/{step}", entry.plan.place));
        self.problems.push(Problem {
            document: entry.document,
            place,
            workflow: entry.plan.id.clone(),
            step: step.map(|step| entry.plan.steps[step].id.clone()),
            reason,
        });
    }

    fn resolve(&mut self, index: &Index<'_>) {
        for at in 0..self.entries.len() {
            if matches!(self.entries[at].state, State::Failed) {
                continue;
            }
            let Entry { document, plan, .. } = self.entries[at];
            let found = plan.steps.iter().map(|step| self.step(index, document, step));
            let (mut resolved, mut wrong) = (Vec::new(), Vec::new());
            for (step, found) in found.enumerate() {
                match found {
                    Ok(found) => resolved.push(found),
                    Err(reason) => wrong.push((step, reason)),
                }
                if wrong.len() == MAX_PROBLEMS {
                    break;
                }
            }
            if wrong.is_empty() {
                self.entries[at].state = State::Open(resolved);
            }
            for (step, reason) in wrong {
                self.fail(at, Some(step), reason);
            }
        }
    }

    fn step(&self, index: &Index<'_>, document: usize, step: &Step) -> Result<Resolved, String> {
        let from = &self.documents[document];
        let sources = &from.description.sources;
        match &step.call {
            Call::OperationId(text) => index.tool(from, &operation_id(text, sources)?).map(Resolved::Tool),
            Call::OperationPath(text) => index.tool(from, &operation_path(text, sources)?).map(Resolved::Tool),
            Call::WorkflowId(text) => {
                let (source, id) = workflow_id(text, sources)?;
                let document = source.map_or(Ok(document), |source| self.other_document(from, source))?;
                let found = self.known.get(&(document, id)).copied().ok_or_else(|| self.no_workflow(document, id))?;
                Ok(Resolved::Workflow(found))
            }
        }
    }

    /// The document that a source description of type `arazzo` means, by its URL alone.
    fn other_document(&self, from: &Located<'_>, source: usize) -> Result<usize, String> {
        let source = &from.description.sources[source];
        if source.kind != Kind::Arazzo {
            return Err(format!("the source description `{}` is of another type than `arazzo`", source.name));
        }
        let wanted = from.base().join(&source.url).map_err(|_| UNUSABLE.to_owned())?.document();
        let is_it = |other: &Located<'_>| other.url.document() == wanted || other.base().document() == wanted;
        self.documents.iter().position(is_it).ok_or_else(|| {
            let url = wanted.public();
            format!(
                "the document `{url}` of the source description `{}` is not among the workflows of any service",
                source.name
            )
        })
    }

    fn no_workflow(&self, document: usize, id: &str) -> String {
        let description = self.documents[document].description;
        if description.faults.iter().any(|fault| fault.workflow == id) {
            return left_out(id);
        }
        match nearest(id, description.plans.iter().map(|plan| plan.id.as_str())) {
            Some(meant) => format!("there is no workflow `{id}`; is `{meant}` meant"),
            None => format!("there is no workflow `{id}`"),
        }
    }

    /// Workflows that call no other come first, then those that call only them, and so on; what is left then calls itself.
    fn expand(&mut self) {
        let mut callers: BTreeMap<At, Vec<At>> = BTreeMap::new();
        let mut waits: Vec<usize> = vec![0; self.entries.len()];
        for (at, entry) in self.entries.iter().enumerate() {
            for called in calls(&entry.state) {
                callers.entry(called).or_default().push(at);
                waits[at] += 1;
            }
        }
        let mut ready: Vec<At> = (0..self.entries.len()).rev().filter(|at| waits[*at] == 0).collect();
        let mut left = MAX_BOUND;
        while let Some(at) = ready.pop() {
            self.flatten(at, &mut left);
            for caller in callers.remove(&at).unwrap_or_default() {
                waits[caller] -= 1;
                if waits[caller] == 0 {
                    ready.push(caller);
                }
            }
        }
        let stuck: Vec<At> = (0..self.entries.len()).filter(|at| waits[*at] > 0).collect();
        let reasons: Vec<(usize, String)> = self.circles(&stuck);
        for (at, (step, reason)) in stuck.into_iter().zip(reasons) {
            self.fail(at, Some(step), reason);
        }
    }

    /// One list of steps, when all that it calls have theirs.
    fn flatten(&mut self, at: At, left: &mut usize) {
        let State::Open(resolved) = &self.entries[at].state else { return };
        match self.flat(self.entries[at].plan, resolved, *left) {
            Ok(steps) => {
                *left -= steps.len();
                self.entries[at].state = State::Done(steps);
            }
            Err((step, reason)) => self.fail(at, step, reason),
        }
    }

    /// The error has the step that is to blame.
    fn flat(
        &self,
        plan: &Plan,
        resolved: &[Resolved],
        left: usize,
    ) -> Result<Vec<WorkflowStep>, (Option<usize>, String)> {
        let mut steps = Vec::new();
        for (number, (step, resolved)) in plan.steps.iter().zip(resolved).enumerate() {
            match resolved {
                Resolved::Tool(tool) => steps.push(WorkflowStep { step_id: step.id.clone(), tool_id: tool.clone() }),
                Resolved::Workflow(called) => {
                    let Entry { plan: nested, state, .. } = &self.entries[*called];
                    let State::Done(inner) = state else { return Err((Some(number), left_out(&nested.id))) };
                    let too_many = steps.len() + inner.len() > MAX_STEPS;
                    if too_many || inner.iter().any(|nested| step.id.len() + nested.step_id.len() >= MAX_CHARS) {
                        return Err((
                            Some(number),
                            format!("with what it calls, it has more than {MAX_STEPS} steps or too long ids"),
                        ));
                    }
                    steps.extend(inner.iter().map(|nested| WorkflowStep {
                        step_id: format!("{}.{}", step.id, nested.step_id),
                        tool_id: nested.tool_id.clone(),
                    }));
                }
            }
        }
        if steps.len() > left {
            return Err((None, format!("all workflows together have more than {MAX_BOUND} steps")));
        }
        Ok(steps)
    }

    /// For each of the workflows that wait for each other: the step that leads to a circle of calls, and the circle.
    fn circles(&self, stuck: &[At]) -> Vec<(usize, String)> {
        let waits = |called: &At| stuck.binary_search(called).is_ok();
        let next = |at: &At| {
            let State::Open(resolved) = &self.entries[*at].state else { return None };
            resolved.iter().enumerate().find_map(|(step, resolved)| match resolved {
                Resolved::Workflow(called) if waits(called) => Some((*at, (step, *called))),
                _ => None,
            })
        };
        let next: HashMap<At, (usize, At)> = stuck.iter().filter_map(next).collect();
        let follow = |at: &At| next.get(at).map(|(_, called)| *called);
        let step = |at: &At| next.get(at).map_or(0, |(step, _)| *step);
        stuck
            .iter()
            .map(|at| (step(at), format!("it calls workflows in a circle: {}", self.circle(*at, follow))))
            .collect()
    }

    fn circle(&self, start: At, follow: impl Fn(&At) -> Option<At>) -> String {
        let trail: Vec<At> = std::iter::successors(Some(start), follow).take(MAX_TRAIL).collect();
        let mut seen: HashMap<At, usize> = HashMap::new();
        let closed =
            trail.iter().enumerate().find_map(|(number, at)| seen.insert(*at, number).map(|first| first..=number));
        let Some(closed) = closed else { return format!("longer than {MAX_TRAIL} calls") };
        let mut names: Vec<String> =
            trail[closed].iter().map(|at| format!("`{}`", self.entries[*at].plan.id)).collect();
        if names.len() > 8 {
            names.splice(4..names.len() - 3, ["..".to_owned()]);
        }
        names.join(" -> ")
    }

    fn bound(mut self) -> Bound {
        self.problems.sort_by_key(|problem| problem.document);
        let done = self.entries.into_iter().filter_map(|entry| match entry.state {
            State::Done(steps) => Some(Workflow { workflow_id: entry.plan.id.clone(), steps }),
            State::Open(_) | State::Failed => None,
        });
        Bound { workflows: done.collect(), problems: self.problems }
    }
}

fn calls(state: &State) -> Vec<At> {
    let State::Open(resolved) = state else { return Vec::new() };
    let called = resolved.iter().filter_map(|resolved| match resolved {
        Resolved::Workflow(called) => Some(*called),
        Resolved::Tool(_) => None,
    });
    called.collect()
}

fn left_out(id: &str) -> String {
    format!("it calls the workflow `{id}`, which is left out")
}
