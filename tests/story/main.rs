//! Stories: the worker and its rooms against real neighbours, one binary, one file a behaviour.

#![expect(unreachable_pub, reason = "the rooms of one binary; nobody is outside")]

mod blast_radius;
mod broker_consumer;
mod broker_errors;
mod broker_links;
mod broker_outages;
mod broker_publisher;
mod broker_tls;
mod broker_topology;
mod claims;
#[path = "../../src/journal/tests/cluster.rs"]
mod cluster;
mod collector;
mod contract_files;
mod evidence;
mod fan_out;
mod faults;
mod groups;
mod harness;
mod hold;
mod inspect;
mod inspect_people;
mod invite;
mod kill;
mod kinds;
mod kinds_people;
mod kinds_whatsapp;
mod load;
mod notice;
mod offboard;
mod offboard_plans;
mod on_the_way;
mod operator_api;
mod operator_dead;
mod operator_doctor;
mod operator_events;
mod operator_explain;
mod operator_secrets;
mod out_of_reach;
mod people;
mod postgres;
mod proxy;
mod publishers;
mod rabbit;
mod races;
mod replies;
mod retention;
mod sdk;
mod telemetry;
mod telemetry_metrics;
mod transfer;
mod trouble;
mod unbind;
mod undo;
mod watch;
