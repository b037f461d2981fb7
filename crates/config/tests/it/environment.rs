//! Variables of the environment in values.

use base::Secret;
use config::Workers;
use gateway::plan::{FilterPlan, Part, TargetPlan, TextTemplate, Variable};

use crate::{BASE, plan};

#[test]
fn what_came_in_is_read_like_a_plain_value() {
    let plan = plan(&format!(
        "{BASE}workers: '${{WORKERS}}'\npin_workers: \"${{NOT_SET:-true}}\"\n\
         admin: {{ token: '${{TOKEN}}', address: '127.0.0.1:${{PORT}}' }}"
    ));
    assert_eq!(plan.workers, Workers::Count(4));
    assert!(plan.pin_workers);
    let admin = plan.admin.unwrap();
    assert_eq!(admin.token, Some(Secret::new("0123456789abcdef")));
    assert_eq!(admin.address.port(), 8080);
}

/// What a template of the configuration becomes.
#[track_caller]
fn check_template(written: &str, expected: &[Part]) {
    let set = format!("response_headers: {{ set: {{ a: '{written}' }} }}");
    let plan = plan(&format!(
        "{BASE}routes: [{{ respond: {{}}, filters: [{{ {set} }}] }}]"
    ));
    let FilterPlan::ResponseHeaders(edits) = &plan.routes[0].filters[0] else {
        panic!("{plan:?}");
    };
    let parts: &[Part] = TextTemplate::parts(&edits.set[0].1);
    assert_eq!(parts, expected, "{written}");
}

#[test]
fn request_variables_are_left_to_the_request() {
    let literal = |text: &str| Part::Literal(text.into());
    let host = || Part::Variable(Variable::Host);
    check_template("${host}", &[host()]);
    check_template("${PORT} ${host}", &[literal("8080 "), host()]);
    check_template("$${host} $${PORT}", &[literal("${host} ${PORT}")]);
    check_template("${SMUGGLED}", &[literal("${host}$${x}")]);
    check_template("${NOT_SET:-}", &[]);
}

/// What the body of an answer becomes.
#[track_caller]
fn check_body(written: &str, expected: &str) {
    let plan = plan(&format!(
        "{BASE}routes: [{{ respond: {{ body: '{written}' }} }}]"
    ));
    let TargetPlan::Respond(respond) = &plan.routes[0].target else {
        panic!("{plan:?}");
    };
    assert_eq!(
        String::from_utf8_lossy(&respond.body),
        expected,
        "{written}"
    );
}

#[test]
fn texts_without_request_variables_take_them_as_text() {
    check_body("${PORT}", "8080");
    check_body("${client_ip} $PORT $", "${client_ip} $PORT $");
    check_body("$${PORT}", "${PORT}");
    check_body("${SMUGGLED}", "${host}$${x}");
    check_body("${EMPTY:-none}", "none");
    check_body("${EMPTY}", "");
}
