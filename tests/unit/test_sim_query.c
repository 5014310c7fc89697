/* The simulator's query protocol: forms to JSON, JSON to XML. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "sim/query.h"
#include "util/attr.h"

static void test_forms(void **state)
{
    static const struct {
        const char *form;
        const char *json; /* with sorted keys */
    } cases[] = {
        {"", "{}"},
        {"Action=X&Version=1", "{\"Action\":\"X\",\"Version\":\"1\"}"},
        {"MessageBody=a+b%20%26%3d%C3%A9", "{\"MessageBody\":\"a b &=\xc3\xa9\"}"},
        {"WaitTimeSeconds=20", "{\"WaitTimeSeconds\":20}"},
        {"WaitTimeSeconds=x", "{\"WaitTimeSeconds\":\"x\"}"},
        {"AttributeName.1=All&AttributeName.2=B", "{\"AttributeNames\":[\"All\",\"B\"]}"},
        {"Attribute.1.Name=V&Attribute.1.Value=5&Attribute.2.Name=W&Attribute.2.Value=6",
         "{\"Attributes\":{\"V\":\"5\",\"W\":\"6\"}}"},
        {"DeleteMessageBatchRequestEntry.2.Id=b&DeleteMessageBatchRequestEntry.1.Id=a",
         "{\"Entries\":[{\"Id\":\"a\"},{\"Id\":\"b\"}]}"},
        {"DeleteMessageBatchRequestEntry.0.Id=a&DeleteMessageBatchRequestEntry.999999999.Id=a",
         "{\"Entries\":[]}"},
        {"MessageAttribute.1.Name=x", "{\"MessageAttributes\":{\"1\":true}}"},
        {"%=%zz&=&&novalue", "{\"\":\"\",\"%\":\"%zz\"}"},
    };

    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        json_t *got = query_parse(cases[c].form);
        char *text = json_dumps(got, JSON_COMPACT | JSON_SORT_KEYS);

        if (!streq(text, cases[c].json)) {
            fail_msg("%s: want %s, got %s", cases[c].form, cases[c].json, text);
        }
        free(text);
        json_decref(got);
    }
}

static void test_answers(void **state)
{
    static const struct {
        const char *json;
        const char *xml; /* within DeleteMessageBatchResult */
    } cases[] = {
        {"{}", ""},
        {"{\"QueueUrl\":\"a&b\"}", "<QueueUrl>a&amp;b</QueueUrl>"},
        {"{\"QueueUrls\":[\"a\",\"b\"]}", "<QueueUrl>a</QueueUrl><QueueUrl>b</QueueUrl>"},
        {"{\"Attributes\":{\"N\":\"<1>\"}}",
         "<Attribute><Name>N</Name><Value>&lt;1&gt;</Value></Attribute>"},
        {"{\"Messages\":[{\"Body\":\"\\\"\\r\",\"Attributes\":{\"A\":\"1\"}}]}",
         "<Message><Body>&#34;&#13;</Body>"
         "<Attribute><Name>A</Name><Value>1</Value></Attribute></Message>"},
        {"{\"Successful\":[{\"Id\":\"1\"}],\"Failed\":[{\"SenderFault\":true}]}",
         "<DeleteMessageBatchResultEntry><Id>1</Id></DeleteMessageBatchResultEntry>"
         "<BatchResultErrorEntry><SenderFault>true</SenderFault></BatchResultErrorEntry>"},
    };

    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        json_t *output = json_loads(cases[c].json, 0, NULL);
        AUTO_STRBUF got = {0};
        AUTO_STRBUF want = {0};

        query_answer("DeleteMessageBatch", output, "id-1", &got);
        strbuf_addf(&want,
                    "<?xml version=\"1.0\"?><DeleteMessageBatchResponse "
                    "xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\">"
                    "<DeleteMessageBatchResult>%s</DeleteMessageBatchResult><ResponseMetadata>"
                    "<RequestId>id-1</RequestId></ResponseMetadata></DeleteMessageBatchResponse>",
                    cases[c].xml);
        assert_string_equal(got.text, want.text);
        json_decref(output);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
